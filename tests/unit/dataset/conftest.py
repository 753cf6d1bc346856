"""Without the `train` extra the supply of training batches is not tested."""

import importlib.util

collect_ignore = (
    [] if importlib.util.find_spec("albumentations") else ["test_augment.py", "test_batches.py"]
)
