"""From a picture to findings, and from many pictures to rows."""
