"""Without the `train` extra what needs scikit-learn is not tested."""

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
