"""The best network so far, which is kept where training may stop early."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras

from capsule_inspect.runs.history import read_scores, validation_metrics
from capsule_inspect.runs.score import score
from capsule_inspect.training.network_file import save_network


class SaveBest(keras.callbacks.Callback):
    """Saves the averaged weights after each validation that is better than all before.

    It goes by history.csv, so that a resumed run knows the best before it; it comes after the
    validation, and before its row is written.

    Args:
        path: Where the network goes.
        history: history.csv.
        averaged: Puts the averaged weights into the network for a while.
    """

    def __init__(
        self, path: Path, history: Path, averaged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        super().__init__()
        self._path, self._history, self._averaged = path, history, averaged

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves the network if the epoch was validated and is the best so far."""
        del epoch
        metrics = validation_metrics(logs or {})
        if metrics and score(metrics) > max(read_scores(self._history), default=-1.0):
            with self._averaged():
                save_network(self.model, self._path, compiled=False)
