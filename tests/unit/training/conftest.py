"""Without the `train` extra what trains is not tested."""

import importlib.util

_TRAINING = [
    "test_averaging.py",
    "test_callbacks.py",
    "test_early_stopping.py",
    "test_fit.py",
    "test_report_epochs.py",
    "test_search_figures.py",
    "test_stages.py",
    "test_train_trial.py",
    "test_tune.py",
]

collect_ignore = [] if importlib.util.find_spec("tensorflow") else _TRAINING
