"""Without the `train` extra there are no evaluations to make pages of."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("sklearn") else ["test_evaluation_page.py"]
