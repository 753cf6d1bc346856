"""report.html of an evaluation: figures, charts and the pictures behind them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.examples import choose_examples
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.per_class import CLASS_METRICS
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.pages.charts import Chart
from capsule_inspect.pages.elements import MOST_ROWS, Card, Column, Fact, Row, Shown
from capsule_inspect.pages.evaluation_charts import draw_charts
from capsule_inspect.pages.render import render

REPORT_FILE = "report.html"

Illustrate = Callable[[Judgement], tuple[Shown, ...]]
"""Shows the truth of a judged picture beside what was decided."""

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

_VERDICTS = ("labelled rightly", "labelled wrongly")

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
    """One line of the table by class: its name, its number and a cell for each metric."""

    name: str
    n: int
    cells: tuple[Metric | None, ...]


@dataclass(frozen=True)
class _Page:
    """What `templates/evaluation.html` shows."""

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
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rows_left_out: int
    groups: tuple[str, ...]

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
    evaluation: Evaluation, title: str, about: str, illustrate: Illustrate
) -> str:
    """Makes the page of an evaluation.

    Args:
        evaluation: What was measured, with one judgement per picture.
        title: What was measured, in a few words.
        about: The model and the pictures, in a sentence.
        illustrate: Called for each picture of the galleries.

    Returns:
        An HTML document with pictures and charts inside.
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
        charts=tuple(draw_charts(evaluation)),
        galleries=tuple(_galleries(evaluation, illustrate)),
        columns=_COLUMNS,
        rows=tuple(_row(each) for each in evaluation.judgements[:MOST_ROWS]),
        rows_left_out=max(0, len(evaluation.judgements) - MOST_ROWS),
        groups=(*_VERDICTS, *(f"true: {name}" for name in evaluation.classes)),
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
            "No good capsule was called defective.",
        ),
        (
            "confused",
            "Wrong names, surest first",
            examples.confused,
            "Every defect found has its name.",
        ),
        ("masks", "Masks that fit worst", examples.poor_masks, "There are no masks to compare."),
        ("best", "Best cases", examples.best, "There are none."),
    ):
        cards = tuple(_card(each, illustrate) for each in judgements)
        yield _Gallery(anchor, title, cards, empty)


def _card(judgement: Judgement, illustrate: Illustrate) -> Card:
    dice = judgement.defect_overlap
    return Card(
        pictures=illustrate(judgement),
        title=f"{judgement.truth}, called {judgement.label}",
        path=judgement.path,
        is_good=judgement.truth == judgement.label,
        detail="" if dice is None else f"Dice {dice.dice:.3f}",
    )


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
