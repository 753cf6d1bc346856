"""Data sets: discovering, checking, splitting, drawing, augmenting and batching pictures."""
