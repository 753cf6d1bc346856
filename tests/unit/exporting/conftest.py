"""Skips the tests that need TensorFlow without the `train` extra."""

import importlib.util

_EXPORTING = [
    "test_operating_point.py",
    "test_convert.py",
    "test_known_answer.py",
    "test_write.py",
]

collect_ignore = [] if importlib.util.find_spec("tensorflow") else _EXPORTING
