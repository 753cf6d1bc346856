"""agreement.html of an evaluation: the model beside human inspectors."""

from collections.abc import Iterator
from dataclasses import dataclass

from capsule_inspect.choices import GOOD
from capsule_inspect.evaluation.agreement import Agreement, Pair, RaterMetrics
from capsule_inspect.evaluation.inspectors import EVERYONE, MODEL, TRUTH
from capsule_inspect.evaluation.kappa import Kappa
from capsule_inspect.evaluation.knapp import (
    GREY_FROM,
    REJECT_FROM,
    ZONES,
    Detection,
    Zone,
    describe_criterion,
    meets_criterion,
)
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.pages.charts import Chart, Curve, Mark
from capsule_inspect.pages.elements import Column, Fact, Row, Table, make_table, render
from capsule_inspect.text import counted

_DASH = "\N{EN DASH}"
"""What stands where a value is not defined."""

_RATES = (
    "accuracy",
    "defect_only_accuracy",
    "presence_accuracy",
    "miss_rate",
    "false_alarm_rate",
)


@dataclass(frozen=True)
class _Cell:
    """A value, and its interval below it; both may be empty."""

    value: str
    interval: str = ""


_NOTHING = _Cell(_DASH)


@dataclass(frozen=True)
class _Line:
    """A line of a table: its heading, the number of pictures, and a cell for each column."""

    name: str
    n: int
    cells: tuple[_Cell, ...]


@dataclass(frozen=True)
class _Grid:
    """A table whose cells have intervals.

    Attributes:
        anchor: The anchor of its heading.
        title: The heading.
        note: A sentence or two on what the cells are.
        corner: The heading of the first column.
        columns: The headings of the others.
        lines: The lines, at least one.
    """

    anchor: str
    title: str
    note: str
    corner: str
    columns: tuple[str, ...]
    lines: tuple[_Line, ...]


@dataclass(frozen=True)
class _Page:
    """The data for `templates/agreement.html`."""

    title: str
    about: str
    facts: tuple[Fact, ...]
    charts: tuple[Chart, ...]
    grids: tuple[_Grid, ...]
    zones: tuple[tuple[str, int, str, _Cell], ...]
    verdict: str
    table: Table

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Anchors and names of the sections."""
        grids = [(each.anchor, each.title) for each in self.grids]
        return [*grids, ("zones", "Zones"), ("rows", "All pictures")]


def make_agreement_page(agreement: Agreement, title: str, about: str) -> str:
    """Makes the page of a comparison with inspectors.

    Args:
        agreement: The comparison.
        title: A title of a few words.
        about: A sentence or two on the model, the pictures and the inspectors.

    Returns:
        An HTML document that contains its charts.
    """
    page = _Page(
        title=title,
        about=about,
        facts=tuple(_facts(agreement)),
        charts=tuple(_charts(agreement)),
        grids=tuple(each for each in _grids(agreement) if each.lines),
        zones=tuple(
            (
                f"{each.name} ({_bounds(each)})",
                each.pictures,
                _DASH if each.people is None else f"{each.people:.3f}",
                _metric_cell(each.model),
            )
            for each in agreement.zones
        ),
        verdict=describe_criterion(agreement.zones),
        table=make_table(
            _COLUMNS,
            sorted(agreement.detections, key=lambda each: (-each.probability, each.path)),
            _row,
            groups=(*(f"zone: {name}" for name in ZONES), *_DIFFERENCES),
        ),
    )
    return render("agreement.html", page=page)


def _facts(agreement: Agreement) -> Iterator[Fact]:
    yield Fact("inspectors", str(len(agreement.inspectors)))
    yield Fact("pictures", str(agreement.pictures), counted(agreement.verdicts, "verdict"))
    for zone in agreement.zones:
        if zone.name == "reject" and zone.people is not None and zone.model is not None:
            yield Fact("reject zone, people", f"{zone.people:.3f}")
            yield Fact("reject zone, model", f"{zone.model.value:.3f}", _interval(zone.model))
    met = meets_criterion(agreement.zones)
    if met is not None:
        yield Fact("Knapp's criterion", "met" if met else "not met")


def _charts(agreement: Agreement) -> Iterator[Chart]:
    yield _draw_detection(agreement)
    points = [(each.name, _rates_of(each)) for each in agreement.raters]
    known = [
        (name, rates) for name, rates in points if {"miss_rate", "false_alarm_rate"} <= {*rates}
    ]
    if known:
        yield _draw_raters(known)


def _draw_detection(agreement: Agreement) -> Chart:
    return Chart(
        "Picture by picture",
        "people: share of verdicts that say defective",
        "model: defect score",
        curves=(
            Curve("ends of the grey zone", ((GREY_FROM, 0), (GREY_FROM, 1)), "guide"),
            Curve("", ((REJECT_FROM, 0), (REJECT_FROM, 1)), "guide"),
        ),
        marks=tuple(
            Mark(each.probability, each.score, f"{each.path}: {each.truth}", "dot")
            for each in agreement.detections
        ),
        note="Each dot is a picture; hover for its name and its true class.",
    )


def _draw_raters(known: list[tuple[str, dict[str, Metric]]]) -> Chart:
    return Chart(
        "Model and inspectors",
        "false alarm rate",
        "share of defects found",
        marks=tuple(
            Mark(
                rates["false_alarm_rate"].value,
                1 - rates["miss_rate"].value,
                name,
                "point" if name == MODEL else "dot",
            )
            for name, rates in known
        ),
        note="Each small dot is an inspector; hover for the name. Best is the upper left.",
    )


def _grids(agreement: Agreement) -> Iterator[_Grid]:
    yield _Grid(
        "truth",
        "Against the truth",
        "Inspectors count with their first reading of each picture.",
        "rater",
        tuple(_words(name) for name in _RATES),
        tuple(
            _Line(
                each.name, each.n, tuple(_metric_cell(_rates_of(each).get(name)) for name in _RATES)
            )
            for each in agreement.raters
        ),
    )
    yield _Grid(
        "presence",
        "Good or defective",
        _KAPPA_NOTE,
        "raters",
        ("agreement", "Cohen's kappa"),
        tuple(_pair_lines(agreement.pairs, "presence")),
    )
    yield _Grid(
        "class",
        "Class",
        f"{_KAPPA_NOTE} People who only sort are left out.",
        "raters",
        ("agreement", "Cohen's kappa"),
        tuple(_pair_lines(agreement.pairs, "class")),
    )
    defects = tuple(name for name in agreement.classes if name != GOOD)
    yield _Grid(
        "misses",
        "Misses by class",
        "Share of the pictures of each class that the rater calls good.",
        "rater",
        defects,
        tuple(
            _Line(
                rater.name,
                rater.n,
                tuple(_metric_cell(_of_class(rater, name, "miss_rate")) for name in defects),
            )
            for rater in agreement.raters
        ),
    )
    yield _Grid(
        "kappas",
        "Kappa by class",
        "Each class against all others: Cohen's kappa of the rater and the truth.",
        "rater",
        defects,
        tuple(
            _Line(
                rater.name,
                rater.n,
                tuple(
                    _kappa_cell(pair.kappa if pair else None)
                    for name in defects
                    for pair in [agreement.pair(TRUTH, rater.name, "class", name)]
                ),
            )
            for rater in agreement.raters
            if agreement.pair(TRUTH, rater.name, "class")
        ),
    )
    yield _Grid(
        "repeats",
        "Repeated readings",
        "Pictures on which all readings are the same: those of an inspector in several rounds, and "
        "the first ones of all inspectors. Kappa is that of Fleiss.",
        "readings",
        ("good or defective", "kappa", "class", "kappa"),
        tuple(_repeat_lines(agreement)),
    )


_KAPPA_NOTE = (
    "Kappa is the agreement beyond chance: 1 is full, 0 is that of chance. It is not defined where "
    "both say the same of every picture that they have in common."
)


def _pair_lines(pairs: tuple[Pair, ...], kind: str) -> Iterator[_Line]:
    for each in pairs:
        if each.kind == kind and not each.of_class:
            cells = (_metric_cell(each.agreement), _kappa_cell(each.kappa))
            yield _Line(f"{each.first} and {each.second}", each.agreement.n, cells)


def _repeat_lines(agreement: Agreement) -> Iterator[_Line]:
    rounds = {each.name: each.rounds for each in agreement.inspectors}
    for each in agreement.repeats:
        if each.kind == "presence":
            cells = [_metric_cell(each.agreement), _kappa_cell(each.kappa)]
            of_class = agreement.pair(each.first, each.second, "class")
            cells += (
                [_metric_cell(of_class.agreement), _kappa_cell(of_class.kappa)]
                if of_class
                else [_NOTHING, _NOTHING]
            )
            name = each.first
            if name != EVERYONE:
                name = f"{name}, {rounds[name]} rounds"
            yield _Line(name, each.agreement.n, tuple(cells))


def _rates_of(rater: RaterMetrics) -> dict[str, Metric]:
    return {metric.name: metric for metric in rater.metrics}


def _of_class(rater: RaterMetrics, name: str, metric: str) -> Metric | None:
    found = [each for group in rater.per_class if group.name == name for each in group.metrics]
    return next((each for each in found if each.name == metric), None)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _bounds(zone: Zone) -> str:
    if zone.name == "accept":
        return f"below {GREY_FROM}"
    return f"{REJECT_FROM} or more" if zone.name == "reject" else f"{GREY_FROM} to {REJECT_FROM}"


def _metric_cell(metric: Metric | None) -> _Cell:
    return _Cell(f"{metric.value:.3f}", _interval(metric)) if metric else _NOTHING


def _kappa_cell(kappa: Kappa | None) -> _Cell:
    return _Cell(f"{kappa.value:.3f}", _interval(kappa)) if kappa else _NOTHING


def _interval(value: Metric | Kappa) -> str:
    if value.low is None or value.high is None:
        return ""
    return f"{value.low:.2f} to {value.high:.2f}"


_COLUMNS = (
    Column("picture"),
    Column("true"),
    Column("verdicts", is_number=True),
    Column("defective", is_number=True),
    Column("probability", is_number=True),
    Column("zone"),
    Column("model"),
    Column("defect score", is_number=True),
)

_DIFFERENCES = (
    "reject zone, but the model says good",
    "accept zone, but the model says defective",
)


def _row(detection: Detection) -> Row:
    groups = [f"zone: {detection.zone}"]
    if detection.zone == "reject" and not detection.model_rejects:
        groups.append(_DIFFERENCES[0])
    if detection.zone == "accept" and detection.model_rejects:
        groups.append(_DIFFERENCES[1])
    return Row(
        (
            detection.path,
            detection.truth,
            str(detection.verdicts),
            str(detection.defective),
            f"{detection.probability:.3f}",
            detection.zone,
            detection.label,
            f"{detection.score:.3f}",
        ),
        tuple(groups),
    )
