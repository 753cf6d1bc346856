"""Figures of an evaluation."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from capsule_inspect.evaluation.curves import OperatingCurves, trace_curves
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.files import atomic_write

BLUE = "#0072B2"
VERMILLION = "#D55E00"
REDDISH_PURPLE = "#CC79A7"


CONFUSION_FILE = "confusion_matrix.png"
ROC_FILE = "roc.png"
PRECISION_RECALL_FILE = "precision_recall.png"

_DPI = 100
_FONT_SIZE = 12
_MARGIN = 0.03
"""Past both ends of an axis, so that a curve along the frame is seen."""


def draw_figures(folder: Path, evaluation: Evaluation) -> tuple[Path, ...]:
    """Draws the confusion matrix, the ROC curve and the precision-recall curve.

    Args:
        folder: An existing folder.
        evaluation: What to draw.

    Returns:
        The files written, PNG; the curves only where there are good and defective pictures.

    Raises:
        OSError: A file cannot be written.
    """
    curves = trace_curves(evaluation)
    with rc_context({"font.size": _FONT_SIZE}):
        figures = {CONFUSION_FILE: _draw_confusion(evaluation)}
        if curves:
            figures[ROC_FILE] = _draw_roc(evaluation, curves)
            figures[PRECISION_RECALL_FILE] = _draw_precision_recall(evaluation, curves)
        for name, figure in figures.items():
            with atomic_write(folder / name) as unfinished:
                figure.savefig(unfinished)
    return tuple(folder / name for name in figures)


def _draw_confusion(evaluation: Evaluation) -> Figure:
    confusion = evaluation.confusion
    counts = np.array(confusion.counts)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure = Figure(figsize=(8, 6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "0.7" if not count else "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    axes.set_xticks(
        range(len(confusion.columns)), confusion.columns, rotation=30, ha="right", parse_math=False
    )
    axes.set_yticks(range(len(confusion.rows)), confusion.rows, parse_math=False)
    seeds = f", summed over {evaluation.seeds} seeds" if evaluation.seeds > 1 else ""
    axes.set(xlabel="decided class", ylabel="true class", title=f"Pictures by class{seeds}")
    figure.colorbar(image, label="share of the true class")
    return figure


def _draw_roc(evaluation: Evaluation, curves: OperatingCurves) -> Figure:
    figure, axes = _square(f"ROC: {_describe(evaluation, curves)}")
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="chance")
    label = f"AUROC {_value(evaluation, 'auroc'):.3f}"
    axes.plot(curves.fpr, curves.tpr, color=BLUE, linewidth=2.5, label=label)
    _mark(axes, curves.point_fpr, curves.point_recall)
    axes.set(xlabel="false alarm rate", ylabel="share of defective pictures found")
    axes.legend(loc="lower right")
    return figure


def _draw_precision_recall(evaluation: Evaluation, curves: OperatingCurves) -> Figure:
    figure, axes = _square(f"Precision and recall: {_describe(evaluation, curves)}")
    axes.plot([0, 1], [curves.prevalence] * 2, color="0.6", linestyle=":", label="chance")
    label = f"average precision {_value(evaluation, 'average_precision'):.3f}"
    # In steps, since that is how average precision adds it up.
    style = "steps-post"
    axes.plot(
        curves.recall, curves.precision, color=BLUE, linewidth=2.5, drawstyle=style, label=label
    )
    if curves.point_precision is not None:
        _mark(axes, curves.point_recall, curves.point_precision)
    axes.set(
        xlabel="recall: share of defective pictures found",
        ylabel="precision: share of called pictures that are defective",
    )
    axes.legend(loc="lower left")
    return figure


def _describe(evaluation: Evaluation, curves: OperatingCurves) -> str:
    seeds = f", {evaluation.seeds} seeds" if evaluation.seeds > 1 else ""
    return f"{curves.good} good and {curves.defective} defective pictures{seeds}"


def _value(evaluation: Evaluation, metric: str) -> float:
    return next(each.value for each in evaluation.metrics if each.name == metric)


def _square(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 8), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    limits = (-_MARGIN, 1 + _MARGIN)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.grid(color="0.9")
    return figure, axes


def _mark(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        [x], [y], "o", color=VERMILLION, markersize=11, clip_on=False, label="operating point"
    )
