"""Pages for people: one HTML file each, with pictures and all else inside."""
