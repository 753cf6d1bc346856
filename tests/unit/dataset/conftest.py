"""Without the `train` extra the supply of training batches is not tested."""

import importlib.util

_HAS_EXTRA = importlib.util.find_spec("albumentations") and importlib.util.find_spec("tensorflow")
collect_ignore = [] if _HAS_EXTRA else ["test_augment.py", "test_batches.py"]
