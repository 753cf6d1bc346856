"""The charts of an evaluation."""

from collections.abc import Iterator
from itertools import pairwise

from capsule_inspect.evaluation.curves import OperatingCurves, trace_curves
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.reliability import calibration_error, measure_reliability
from capsule_inspect.evaluation.segmented import segmented
from capsule_inspect.pages.charts import Chart, Curve, Mark, spread_out


def draw_charts(evaluation: Evaluation) -> Iterator[Chart]:
    """Draws ROC, precision and recall, reliability and Dice by class, those that there are."""
    curves = trace_curves(evaluation)
    if curves:
        yield _draw_roc(curves)
        yield _draw_precision_recall(curves)
    yield _draw_reliability(evaluation)
    if segmented(evaluation.judgements):
        yield _draw_dice(evaluation)


def _draw_roc(curves: OperatingCurves) -> Chart:
    points = zip(curves.fpr.tolist(), curves.tpr.tolist(), strict=True)
    return Chart(
        "ROC curve",
        "false alarm rate",
        "share of defects found",
        curves=(Curve("chance", ((0, 0), (1, 1)), "guide"), Curve("", tuple(points))),
        marks=(Mark(curves.point_fpr, curves.point_recall, "operating point"),),
        note=f"{curves.good} good and {curves.defective} defective pictures.",
    )


def _draw_precision_recall(curves: OperatingCurves) -> Chart:
    # In steps, since that is how average precision adds it up.
    points = list(zip(curves.recall.tolist(), curves.precision.tolist(), strict=True))
    steps = [points[0]]
    for (_, before), (recall, precision) in pairwise(points):
        steps += [(recall, before), (recall, precision)]
    marks: tuple[Mark, ...] = ()
    if curves.point_precision is not None:
        marks = (Mark(curves.point_recall, curves.point_precision, "operating point"),)
    return Chart(
        "Precision and recall",
        "recall",
        "precision",
        curves=(
            Curve("chance", ((0, curves.prevalence), (1, curves.prevalence)), "guide"),
            Curve("", tuple(steps)),
        ),
        marks=marks,
        note="Recall: share of defects found. Precision: share of the called that are defects.",
    )


def _draw_reliability(evaluation: Evaluation) -> Chart:
    bins = measure_reliability(evaluation.judgements)
    return Chart(
        "Reliability",
        "confidence of the label",
        "share labelled rightly",
        curves=(
            Curve("perfect", ((0, 0), (1, 1)), "guide"),
            Curve("", tuple((each.confidence, each.accuracy) for each in bins)),
        ),
        marks=tuple(
            Mark(each.confidence, each.accuracy, f"{each.count} pictures", "dot") for each in bins
        ),
        note=f"Expected calibration error {calibration_error(bins):.3f}; a dot is a bin of "
        "pictures, hover for their number.",
    )


def _draw_dice(evaluation: Evaluation) -> Chart:
    scored = [each for each in segmented(evaluation.judgements) if each.defect_overlap]
    names = [name for name in evaluation.classes if any(each.truth == name for each in scored)]
    dots, means = [], []
    for place, name in enumerate(names):
        members = [each for each in scored if each.truth == name]
        values = [each.overlap.dice for each in members if each.overlap]
        for x, each, value in zip(spread_out(place, len(values)), members, values, strict=True):
            dots.append(Mark(x, value, f"{each.path}: {value:.3f}", "dot"))
        mean = sum(values) / len(values)
        means.append(
            Curve(
                "mean" if place == 0 else "", ((place - 0.35, mean), (place + 0.35, mean)), "other"
            )
        )
    return Chart(
        "Dice by class",
        "",
        "Dice",
        x_range=(-0.5, len(names) - 0.5),
        curves=tuple(means),
        marks=tuple(dots),
        x_names=tuple(names),
        note="A dot is a picture with a true defect; hover for its name.",
    )
