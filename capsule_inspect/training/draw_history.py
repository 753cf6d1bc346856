"""How a run learns, as a picture that grows with it."""

import csv
from pathlib import Path
from typing import Any

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from capsule_inspect.training.callbacks import LOSSES

CURVES = "curves.png"
"""Losses and validation metrics by epoch."""

_VALIDATION = "val_"
_LOSS_NAMES = dict(zip(LOSSES, ("all", "label", "mask"), strict=True))


class DrawHistory(keras.callbacks.Callback):
    """Draws history.csv after every epoch.

    Args:
        history: The file, as `WriteHistory` writes it.
    """

    def __init__(self, history: Path) -> None:
        super().__init__()
        self._history = history

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Replaces the picture beside the file."""
        del epoch, logs
        draw_history(self._history, self._history.with_name(CURVES))


def draw_history(history: Path, picture: Path) -> None:
    """Draws losses on the left and validation metrics on the right.

    Args:
        history: history.csv, with at least one epoch.
        picture: The PNG to write.
    """
    with history.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(12, 5), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw(left, rows, _LOSS_NAMES)
    left.set(title="Loss on the training pictures", yscale="log")
    metrics = [name for name in rows[0] if name.startswith(_VALIDATION)]
    _draw(right, rows, {name: name.removeprefix(_VALIDATION) for name in metrics})
    right.set(title="Metrics on the validation split", ylim=(-0.02, 1.02))
    figure.savefig(picture)


def _draw(axes: Axes, rows: list[dict[str, str]], names: dict[str, str]) -> None:
    """Draws a curve for each column that has values; epochs without one are left out."""
    for column, name in names.items():
        points = [(int(row["epoch"]), float(row[column])) for row in rows if row.get(column)]
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", label=name)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9")
    if axes.get_lines():
        axes.legend()
