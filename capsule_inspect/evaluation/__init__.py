"""Metrics and reports, on the same decisions that `predict` makes."""
