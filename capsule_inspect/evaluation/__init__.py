"""Evaluation: metrics, figures and operating points, on the same decisions as `predict`."""
