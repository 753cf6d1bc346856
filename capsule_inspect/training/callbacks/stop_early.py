"""Stopping when validation gets no better."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from capsule_inspect.runs.history import read_scores


class StopEarly(keras.callbacks.Callback):
    """Ends a stage after some validations without a better score.

    It goes by history.csv, so that a resumed run counts on.

    Args:
        history: history.csv, with the row of the epoch that ends.
        first_epoch: Epochs to leave out, from the beginning: those of earlier stages.
        patience: Validations without a better score.
    """

    def __init__(self, history: Path, first_epoch: int, patience: int) -> None:
        super().__init__()
        self._history, self._first, self._patience = history, first_epoch, patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops training if the score has stalled."""
        del epoch, logs
        if has_stalled(read_scores(self._history, self._first), self._patience):
            self.model.stop_training = True


def has_stalled(scores: Sequence[float], patience: int) -> bool:
    """Says whether the last `patience` scores brought nothing better than all before."""
    if len(scores) <= patience:
        return False
    return max(scores[-patience:]) <= max(scores[:-patience])
