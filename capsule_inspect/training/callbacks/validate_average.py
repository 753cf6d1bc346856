"""Measuring the network under way."""

from collections.abc import Callable
from typing import Any

import keras

from capsule_inspect.runs.history import VALIDATION


class ValidateAverage(keras.callbacks.Callback):
    """Adds validation metrics to the logs, every few epochs and after the last.

    Args:
        validate: Measures the network's averaged weights, and returns metrics by name.
        every: Epochs between validations.
        epochs: Number of epochs of the run.
    """

    def __init__(self, validate: Callable[[], dict[str, float]], every: int, epochs: int) -> None:
        super().__init__()
        self._validate, self._every, self._epochs = validate, every, epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Validates if it is time to."""
        last = epoch + 1 == self._epochs
        if logs is not None and (last or (epoch + 1) % self._every == 0):
            logs.update({f"{VALIDATION}{name}": value for name, value in self._validate().items()})
