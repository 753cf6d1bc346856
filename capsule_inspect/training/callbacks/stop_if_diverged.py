"""Ending a run that is lost."""

import math
from collections.abc import Mapping
from typing import Any

import keras

from capsule_inspect.errors import ConfigError


class StopIfDiverged(keras.callbacks.Callback):
    """Ends a run whose loss is no number before it is measured or saved."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Raises ConfigError if the epoch's loss is not finite."""
        if has_diverged(logs or {}):
            raise ConfigError(
                f"Training diverged in epoch {epoch + 1}: the loss is no longer a number. Lower "
                "train.learning_rate, or set train.clipnorm=1, and start a new run."
            )


def has_diverged(logs: Mapping[str, float]) -> bool:
    """Says whether the loss of a batch or an epoch, as Keras logs it, is not finite."""
    return not math.isfinite(logs.get("loss", 0.0))
