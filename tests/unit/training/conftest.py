"""Without the `train` extra what trains is not tested."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("tensorflow") else ["test_averaging.py"]
