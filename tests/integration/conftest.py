"""Without the `train` extra `evaluate` has nothing to measure with."""

import importlib.util

collect_ignore = (
    []
    if importlib.util.find_spec("sklearn") and importlib.util.find_spec("matplotlib")
    else ["test_evaluate.py"]
)
