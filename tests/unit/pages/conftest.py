"""Skips the tests of evaluation pages without the `train` extra."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("sklearn") else ["test_evaluation_page.py"]
