"""Skips the tests that need TensorFlow without the `train` extra."""

import importlib.util

_TRAINING = [
    "test_augment.py",
    "test_batches.py",
    "test_calibrate.py",
    "test_callbacks.py",
    "test_encode.py",
    "test_examples.py",
    "test_feature_cache.py",
    "test_learning_curves.py",
    "test_fit.py",
    "test_fit_members.py",
    "test_fit_normality.py",
    "test_hints.py",
    "test_network_files.py",
    "test_normality.py",
    "test_region_classifier.py",
    "test_stages.py",
    "test_views.py",
]

collect_ignore = [] if importlib.util.find_spec("tensorflow") else _TRAINING
