"""The chart of a training run: losses and validation metrics."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, MaxNLocator

from capsule_inspect.files import atomic_write
from capsule_inspect.runs.history import LOSSES, read_history

CURVES = "curves.png"
"""File name of the chart, beside history.csv."""

_LOSS_NAMES = dict(zip(LOSSES, ("all", "label", "mask"), strict=True))


class DrawHistory(keras.callbacks.Callback):
    """Draws curves.png after every epoch.

    Args:
        history: The history.csv that `WriteHistory` writes.
    """

    def __init__(self, history: Path) -> None:
        super().__init__()
        self._history = history

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Replaces curves.png beside history.csv."""
        del epoch, logs
        draw_history(self._history, self._history.with_name(CURVES))


def draw_history(history: Path, picture: Path) -> None:
    """Draws the losses on the left and the validation metrics on the right.

    Args:
        history: The path of history.csv.
        picture: The PNG to write. It is replaced whole.

    Raises:
        DataError: history.csv is damaged.
    """
    epochs = read_history(history)
    figure = Figure(figsize=(12, 5), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    for loss, name in _LOSS_NAMES.items():
        _draw(left, name, ((each.number, each.losses.get(loss)) for each in epochs))
    left.set(title="Loss on the training pictures", yscale="log")
    for ticks in (left.yaxis.set_major_formatter, left.yaxis.set_minor_formatter):
        ticks(FormatStrFormatter("%.2g"))  # not as powers of ten
    _finish(left)
    for metric in dict.fromkeys(name for each in epochs for name in each.metrics):
        _draw(right, metric, ((each.number, each.metrics.get(metric)) for each in epochs))
    right.set(title="Metrics on the validation split", ylim=(-0.02, 1.02))
    _finish(right)
    with atomic_write(picture) as unfinished:
        figure.savefig(unfinished, format="png")


def _draw(axes: Axes, name: str, values: Iterable[tuple[int, float | None]]) -> None:
    """Draws a curve. Leaves out epochs without a value, and draws nothing if all lack one."""
    points = [(number, value) for number, value in values if value is not None]
    if points:
        line = len(axes.get_lines())
        style = _LINE_STYLES[line // len(_COLOURS) % len(_LINE_STYLES)]
        colour = _COLOURS[line % len(_COLOURS)]
        marker = _MARKERS[line // len(_COLOURS) % len(_MARKERS)]
        axes.plot(*zip(*points, strict=True), style, color=colour, marker=marker, label=name)


_COLOURS = tuple(f"C{number}" for number in range(10))
_LINE_STYLES, _MARKERS = ("-", "--", ":"), (".", "x", "^")
"""There are more metrics than colours; one epoch alone has no line."""


def _finish(axes: Axes) -> None:
    """Adds axes and a legend beside the curves, or says that there are none."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    left, right = axes.get_xlim()
    if right - left < 1:  # a single epoch
        axes.set_xlim(left - 1, right + 1)
    axes.grid(color="0.9")
    if axes.get_lines():
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
    else:
        axes.text(0.5, 0.5, "none yet", transform=axes.transAxes, ha="center", color="0.5")
