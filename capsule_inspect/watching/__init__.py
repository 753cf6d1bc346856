"""Follow a folder that a camera writes to."""
