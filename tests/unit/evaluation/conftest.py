"""Skips the tests that need scikit-learn without the `train` extra."""

import importlib.util

collect_ignore = (
    []
    if importlib.util.find_spec("sklearn")
    else [
        "test_cross_validation.py",
        "test_curves.py",
        "test_evaluate.py",
        "test_metrics.py",
        "test_pixels.py",
    ]
)
