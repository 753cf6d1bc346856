"""Pictures of an evaluation, for people: the only module that knows Matplotlib."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from capsule_inspect.evaluation.confusion import Confusion
from capsule_inspect.evaluation.evaluate import Evaluation

CONFUSION_FILE = "confusion_matrix.png"
ROC_FILE = "roc.png"
PRECISION_RECALL_FILE = "precision_recall.png"

_Flags = NDArray[np.bool_]

# Two colours of Okabe and Ito's palette ("Color universal design", 2008), which people tell apart
# whatever colours they see.
_BLUE, _VERMILION = "#0072B2", "#D55E00"
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
    """
    good = evaluation.classes[0]
    with rc_context({"font.size": _FONT_SIZE}):
        figures = {CONFUSION_FILE: _draw_confusion(evaluation.confusion)}
        if len({each.truth == good for each in evaluation.judgements}) == 2:
            figures[ROC_FILE] = _draw_roc(evaluation)
            figures[PRECISION_RECALL_FILE] = _draw_precision_recall(evaluation)
        for name, figure in figures.items():
            FigureCanvasAgg(figure)
            figure.savefig(folder / name)
    return tuple(folder / name for name in figures)


def _draw_confusion(confusion: Confusion) -> Figure:
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
    axes.set(xlabel="decided class", ylabel="true class", title="Pictures by class")
    figure.colorbar(image, label="share of the true class")
    return figure


def _draw_roc(evaluation: Evaluation) -> Figure:
    defective, scores, called = _pictures(evaluation)
    false_alarms, found, _ = roc_curve(defective, scores, drop_intermediate=False)
    figure, axes = _square(f"ROC: {_describe(defective)}")
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="chance")
    label = f"AUROC {_value(evaluation, 'auroc'):.3f}"
    axes.plot(false_alarms, found, color=_BLUE, linewidth=2.5, label=label)
    _mark(axes, called[~defective].mean(), called[defective].mean())
    axes.set(xlabel="false alarm rate", ylabel="share of defective pictures found")
    axes.legend(loc="lower right")
    return figure


def _draw_precision_recall(evaluation: Evaluation) -> Figure:
    defective, scores, called = _pictures(evaluation)
    precision, recall, _ = precision_recall_curve(defective, scores)
    figure, axes = _square(f"Precision and recall: {_describe(defective)}")
    share = defective.mean()
    axes.plot([0, 1], [share, share], color="0.6", linestyle=":", label="chance")
    label = f"average precision {_value(evaluation, 'average_precision'):.3f}"
    # In steps, since that is how average precision adds it up.
    style = "steps-post"
    axes.plot(recall, precision, color=_BLUE, linewidth=2.5, drawstyle=style, label=label)
    if called.any():  # else there is no precision
        _mark(axes, called[defective].mean(), defective[called].mean())
    axes.set(
        xlabel="recall: share of defective pictures found",
        ylabel="precision: share of called pictures that are defective",
    )
    axes.legend(loc="lower left")
    return figure


def _pictures(evaluation: Evaluation) -> tuple[_Flags, NDArray[np.float64], _Flags]:
    """Returns of each picture whether it is defective, its score, and whether it was called so."""
    good, judgements = evaluation.classes[0], evaluation.judgements
    return (
        np.array([each.truth != good for each in judgements]),
        np.array([each.defect_score for each in judgements]),
        np.array([each.label != good for each in judgements]),
    )


def _describe(defective: _Flags) -> str:
    return f"{(~defective).sum()} good and {defective.sum()} defective pictures"


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
        [x], [y], "o", color=_VERMILION, markersize=11, clip_on=False, label="operating point"
    )
