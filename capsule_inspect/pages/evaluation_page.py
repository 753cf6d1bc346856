"""report.html of an evaluation: metrics, charts, and the pictures behind them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from capsule_inspect.choices import GOOD
from capsule_inspect.evaluation.curves import (
    OperatingCurves,
    ReviewCurve,
    calibration_error,
    measure_reliability,
    trace_curves,
    trace_review,
)
from capsule_inspect.evaluation.evaluate import Evaluation, choose_examples
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.metrics import CLASS_METRICS, segmented
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.pages.charts import Chart, Curve, Mark, spread_out
from capsule_inspect.pages.elements import (
    Card,
    Column,
    Fact,
    Row,
    Shown,
    Table,
    make_table,
    render,
)
from capsule_inspect.text import counted


def draw_charts(
    evaluation: Evaluation, thresholds: Mapping[str, float] | None = None
) -> Iterator[Chart]:
    """Draws the ROC curve, precision and recall, review, reliability, and Dice by class.

    Leaves out the first three without both good and defective pictures, and the last without masks.

    Args:
        evaluation: What was measured, with one judgement per picture.
        thresholds: The threshold of each picture, by its path; without them, no chart of review.
    """
    curves = trace_curves(evaluation)
    if curves:
        yield _draw_roc(curves)
        yield _draw_precision_recall(curves)
    review = trace_review(evaluation.judgements, thresholds) if thresholds else None
    if review:
        yield _draw_review(review)
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
    # In steps, as average precision adds them up.
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
        note="Recall: share of defects found. Precision: share of alarms that are defects.",
    )


def _draw_review(curve: ReviewCurve) -> Chart:
    reviewed = curve.reviewed.tolist()
    misses = tuple(zip(reviewed, curve.miss_rate.tolist(), strict=True))
    alarms = tuple(zip(reviewed, curve.false_alarm_rate.tolist(), strict=True))
    highest = max(curve.miss_rate[0], curve.false_alarm_rate[0], 0.01)
    return Chart(
        "Errors left after review",
        "share of pictures reviewed",
        "share of defects or good ones",
        y_range=(0.0, float(highest)),
        curves=(Curve("misses", misses), Curve("false alarms", alarms, "other")),
        note="Misses are a share of the defective pictures, false alarms of the good ones, if "
        "people decide on the pictures nearest to the threshold, and never err. The setting "
        "threshold.review of export-tflite chooses how far to go.",
    )


def _draw_reliability(evaluation: Evaluation) -> Chart:
    bins = measure_reliability(evaluation.judgements)
    return Chart(
        "Reliability",
        "confidence of the label",
        "share labelled correctly",
        curves=(
            Curve("perfect", ((0, 0), (1, 1)), "guide"),
            Curve("", tuple((each.confidence, each.accuracy) for each in bins)),
        ),
        marks=tuple(
            Mark(each.confidence, each.accuracy, counted(each.count, "picture"), "dot")
            for each in bins
        ),
        note=f"Expected calibration error {calibration_error(bins):.3f}. Each dot is a bin of "
        "pictures; hover for their number.",
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
        note="Each dot is a picture with a true defect; hover for its name.",
    )


REPORT_FILE = "report.html"

Illustrate = Callable[[Judgement], tuple[Shown, ...]]
"""Draws the truth of a judged picture beside the decision."""

_HEADLINES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "defect_only_accuracy": "accuracy on defects",
    "presence_accuracy": "presence accuracy",
    "auroc": "AUROC",
    "dice": "Dice on defects",
    "iou": "IoU on defects",
    "false_alarm_rate": "false alarms",
    "miss_rate": "misses",
}

_VERDICTS = ("labelled correctly", "labelled wrongly")

_COLUMNS = (
    Column("picture"),
    Column("true"),
    Column("decided"),
    Column("defect score", is_number=True),
    Column("Dice", is_number=True),
    Column("IoU", is_number=True),
)


@dataclass(frozen=True)
class _Gallery:
    """One kind of examples."""

    anchor: str
    title: str
    cards: tuple[Card, ...]
    empty: str


@dataclass(frozen=True)
class _ClassRow:
    """One line of the table by class: its name, the number of pictures, a cell for each metric."""

    name: str
    n: int
    cells: tuple[Metric | None, ...]


@dataclass(frozen=True)
class _Page:
    """The data for `templates/evaluation.html`."""

    title: str
    about: str
    facts: tuple[Fact, ...]
    metrics: tuple[Metric, ...]
    class_metrics: tuple[str, ...]
    by_class: tuple[_ClassRow, ...]
    confusion: tuple[tuple[str, tuple[tuple[int, float], ...]], ...]
    confusion_columns: tuple[str, ...]
    charts: tuple[Chart, ...]
    galleries: tuple[_Gallery, ...]
    table: Table

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Anchors and names of the sections."""
        galleries = [(each.anchor, each.title) for each in self.galleries]
        return [
            ("metrics", "Metrics"),
            ("classes", "By class"),
            *galleries,
            ("rows", "All pictures"),
        ]


def make_evaluation_page(
    evaluation: Evaluation,
    title: str,
    about: str,
    illustrate: Illustrate,
    thresholds: Mapping[str, float] | None = None,
) -> str:
    """Makes the page of an evaluation.

    Args:
        evaluation: What was measured, with one judgement per picture.
        title: A title of a few words.
        about: A sentence on the model and the pictures.
        illustrate: Called for each picture of the galleries.
        thresholds: The threshold of each picture, by its path; without them, no chart of review.

    Returns:
        An HTML document that contains its pictures and charts.
    """
    confusion = evaluation.confusion
    page = _Page(
        title=title,
        about=about,
        facts=tuple(_facts(evaluation)),
        metrics=evaluation.metrics,
        class_metrics=CLASS_METRICS,
        by_class=tuple(_by_class(evaluation)),
        confusion=tuple(
            (name, tuple((count, count / max(1, sum(counts))) for count in counts))
            for name, counts in zip(confusion.rows, confusion.counts, strict=True)
        ),
        confusion_columns=confusion.columns,
        charts=tuple(draw_charts(evaluation, thresholds)),
        galleries=tuple(_galleries(evaluation, illustrate)),
        table=make_table(
            _COLUMNS,
            evaluation.judgements,
            _row,
            groups=(*_VERDICTS, *(f"true: {name}" for name in evaluation.classes)),
        ),
    )
    return render("evaluation.html", page=page)


def _facts(evaluation: Evaluation) -> Iterator[Fact]:
    for metric in evaluation.metrics:
        if metric.name in _HEADLINES:
            interval = ""
            if metric.low is not None and metric.high is not None:
                interval = f"{metric.low:.3f} to {metric.high:.3f}"
            yield Fact(_HEADLINES[metric.name], f"{metric.value:.3f}", interval)


def _by_class(evaluation: Evaluation) -> Iterator[_ClassRow]:
    for each in evaluation.per_class:
        cells = {metric.name: metric for metric in each.metrics}
        yield _ClassRow(each.name, each.n, tuple(cells.get(name) for name in CLASS_METRICS))


def _galleries(evaluation: Evaluation, illustrate: Illustrate) -> Iterator[_Gallery]:
    examples = choose_examples(evaluation.judgements)
    for anchor, title, judgements, empty in (
        ("misses", "Worst misses", examples.misses, "No defect was called good."),
        (
            "alarms",
            "Worst false alarms",
            examples.false_alarms,
            "No good picture was called defective.",
        ),
        (
            "confused",
            "Wrong classes, most confident first",
            examples.confused,
            "Every defect found has the right class.",
        ),
        ("masks", "Worst masks", examples.poor_masks, "There are no masks to compare."),
        ("best", "Best cases", examples.best, "No defect has the right class."),
    ):
        cards = tuple(_card(each, illustrate) for each in judgements)
        yield _Gallery(anchor, title, cards, empty)


def _card(judgement: Judgement, illustrate: Illustrate) -> Card:
    return Card(
        pictures=illustrate(judgement),
        title=f"{judgement.truth}, called {judgement.label}",
        path=judgement.path,
        is_good=judgement.truth == judgement.label,
        detail=". ".join(_details(judgement)),
    )


def _details(judgement: Judgement) -> Iterator[str]:
    """Yields what orders the galleries, beside the score."""
    if GOOD not in {judgement.truth, judgement.label} and judgement.probabilities:
        yield f"Confidence {max(judgement.probabilities[1:]):.2f}"
    if judgement.defect_overlap:
        yield f"Dice {judgement.defect_overlap.dice:.3f}"


def _row(judgement: Judgement) -> Row:
    overlap = judgement.defect_overlap
    dice, iou = (f"{overlap.dice:.3f}", f"{overlap.iou:.3f}") if overlap else ("", "")
    verdict = _VERDICTS[judgement.truth != judgement.label]
    return Row(
        (
            judgement.path,
            judgement.truth,
            judgement.label,
            f"{judgement.defect_score:.3f}",
            dice,
            iou,
        ),
        (verdict, f"true: {judgement.truth}"),
    )
