"""Stopping when validation gets no better."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from capsule_inspect.runs.score import score

_PREFIX = "val_"


class StopEarly(keras.callbacks.Callback):
    """Ends a stage after some validations without a better score.

    It goes by history.csv, so that a resumed run counts on.
    """

    def __init__(self, history: Path, first_epoch: int, patience: int) -> None:
        super().__init__()
        self._history, self._first, self._patience = history, first_epoch, patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops training if the score has stalled."""
        del epoch, logs
        if has_stalled(read_scores(self._history, self._first), self._patience):
            self.model.stop_training = True


def read_scores(history: Path, first_epoch: int = 0) -> list[float]:
    """Reads the scores of all validations so far.

    Args:
        history: history.csv.
        first_epoch: Epochs to leave out, from the beginning.
    """
    if not history.exists():
        return []
    with history.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row[f"{_PREFIX}accuracy"]]
    return [
        score({k.removeprefix(_PREFIX): float(v) for k, v in row.items() if v})
        for row in rows
        if int(row["epoch"]) > first_epoch
    ]


def has_stalled(scores: Sequence[float], patience: int) -> bool:
    """Says whether the last `patience` scores brought nothing better than all before."""
    if len(scores) <= patience:
        return False
    return max(scores[-patience:]) <= max(scores[:-patience])
