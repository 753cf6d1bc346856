"""A run's table of epochs."""

import csv
import time
from pathlib import Path
from typing import Any

import keras

from capsule_inspect.replacing import replace_text
from capsule_inspect.runs.history import history_columns


class WriteHistory(keras.callbacks.Callback):
    """Appends a row per epoch to history.csv.

    Args:
        path: history.csv.
        metrics: Names of all metrics that a validation can bring.
    """

    def __init__(self, path: Path, metrics: tuple[str, ...]) -> None:
        super().__init__()
        self._path, self._columns = path, history_columns(metrics)
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the epoch's clock, and drops rows of epochs that are trained again."""
        del logs
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            if len(lines) > epoch + 1:
                replace_text(self._path, "".join(lines[: epoch + 1]))
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the epoch's row."""
        row = {name: f"{value:.6g}" for name, value in (logs or {}).items()}
        # A network without a mask head has one loss, which Keras does not name.
        row.setdefault("logits_loss", row["loss"])
        row["epoch"] = str(epoch + 1)
        row["learning_rate"] = f"{float(self.model.optimizer.learning_rate):.3g}"
        row["seconds"] = f"{time.monotonic() - self._started:.1f}"
        is_new = not self._path.exists()
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, self._columns, restval="", extrasaction="ignore")
            if is_new:
                writer.writeheader()
            writer.writerow(row)
