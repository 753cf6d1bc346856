"""Data sets: discovering, checking, splitting and surveying pictures."""
