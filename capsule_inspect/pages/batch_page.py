"""report.html of a batch: what `predict` found, to look through."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.records import Record, read_records
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.pages.charts import Chart, Curve, histogram
from capsule_inspect.pages.elements import Card, Column, Fact, Row, Shown
from capsule_inspect.pages.render import render
from capsule_inspect.pages.thumbnails import make_thumbnail

_MOST_DEFECTS = 60
_MOST_DOUBTFUL = 24
_CLOSE_CALLS = 12
_MOST_ROWS = 5000
"""A page of more would be slow to open; predictions.csv has them all."""

_COLUMNS = (
    Column("picture"),
    Column("capsule", is_number=True),
    Column("label"),
    Column("confidence", is_number=True),
    Column("defect score", is_number=True),
    Column("defect area, %", is_number=True),
    Column("warning or error", is_long=True),
)


@dataclass(frozen=True)
class _Page:
    """What `templates/batch.html` shows."""

    pictures: int
    about: str
    place: str
    facts: tuple[Fact, ...]
    drift: str
    defects: tuple[Card, ...]
    left_out: int
    doubtful: tuple[Card, ...]
    close_calls: tuple[Card, ...]
    scores: Chart | None
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rows_left_out: int
    groups: tuple[str, ...]


def write_batch_page(folder: ResultsFolder, about: str, drift: str = "") -> None:
    """Writes report.html beside the rows of a batch.

    Args:
        folder: The results folder.
        about: Which model judged, in a sentence.
        drift: How the batch differs from the training pictures; empty if it does not.

    Raises:
        UsageError: The folder cannot be written.
        DataError: Its rows cannot be read.
    """
    page = make_batch_page(folder.path, read_records(folder.records), about, drift)
    folder.write(folder.report.name, page.encode())


def make_batch_page(folder: Path, records: Sequence[Record], about: str, drift: str = "") -> str:
    """Makes the page of a batch.

    Args:
        folder: The results folder, for its overlays.
        records: All its rows.
        about: Which model judged, in a sentence.
        drift: How the batch differs from the training pictures; empty if it does not.

    Returns:
        An HTML document with the pictures that a person would look at first inside.
    """
    capsules = [record for record in records if record.status == "ok"]
    defects = sorted((r for r in capsules if r.label != "good"), key=_score, reverse=True)
    good = sorted((r for r in capsules if r.label == "good"), key=_score, reverse=True)
    doubtful = [r for r in records if r.status != "ok" or r.warning]
    place = _common_folder(records)
    page = _Page(
        pictures=len({record.path for record in records}),
        about=about,
        place=place,
        facts=tuple(_facts(records, len(defects))),
        drift=drift,
        defects=_cards(folder, place, defects[:_MOST_DEFECTS]),
        left_out=max(0, len(defects) - _MOST_DEFECTS),
        doubtful=_cards(folder, place, doubtful[:_MOST_DOUBTFUL]),
        close_calls=_cards(folder, place, good[:_CLOSE_CALLS]),
        scores=_draw_scores(capsules),
        columns=_COLUMNS,
        rows=tuple(_row(place, record) for record in records[:_MOST_ROWS]),
        rows_left_out=max(0, len(records) - _MOST_ROWS),
        groups=tuple(sorted({group for record in records for group in _groups(record)})),
    )
    return render("batch.html", page=page)


def _score(record: Record) -> float:
    return record.defect_score or 0.0


def _facts(records: Sequence[Record], defective: int) -> Iterable[Fact]:
    statuses = Counter(record.status for record in records)
    capsules = statuses["ok"]
    share = f"{100 * defective / capsules:.1f} % of capsules" if capsules else ""
    yield Fact("capsules", str(capsules))
    yield Fact("defective", str(defective), share)
    labels = Counter(record.label for record in records if record.status == "ok")
    for label in sorted(labels.keys() - {"good"}):
        yield Fact(label, str(labels[label]))
    yield Fact("without a capsule", str(statuses["no_capsule"]))
    yield Fact("not readable", str(statuses["error"]))
    yield Fact("with a warning", str(sum(bool(record.warning) for record in records)))


def _common_folder(records: Sequence[Record]) -> str:
    """Returns the folder that all pictures are in, with its last slash; empty if there is none."""
    folders = {os.path.dirname(record.path) for record in records}  # noqa: PTH120  (text, as found)
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # of relative and absolute paths, or none at all
        return ""
    return os.path.join(common, "") if common else ""  # noqa: PTH118


def _cards(folder: Path, place: str, records: Iterable[Record]) -> tuple[Card, ...]:
    return tuple(_card(folder, place, record) for record in records)


def _card(folder: Path, place: str, record: Record) -> Card:
    detail = record.warning or record.error
    if record.status == "ok":
        detail = f"{record.confidence:.2f}, score {record.defect_score:.3f}. {detail}".strip()
    return Card(
        pictures=_pictures(folder, record),
        title=record.label or record.status.replace("_", " "),
        path=record.path.removeprefix(place),
        is_good=record.label == "good",
        detail=detail,
    )


def _pictures(folder: Path, record: Record) -> tuple[Shown, ...]:
    """Returns the overlay, or else the picture itself; nothing where neither can be read."""
    file = folder / record.overlay if record.overlay else Path(record.path)
    try:
        return (Shown(make_thumbnail(read_picture(file))),)
    except PictureError:
        return ()


def _draw_scores(capsules: Sequence[Record]) -> Chart | None:
    if not capsules or capsules[0].threshold is None:
        return None
    chart = histogram("Defect scores", "defect score", [_score(r) for r in capsules], (0.0, 1.0))
    threshold = capsules[0].threshold
    line = Curve(
        f"threshold {threshold:.3g}", ((threshold, 0), (threshold, chart.y_range[1])), "guide"
    )
    return replace(chart, y_label="capsules", curves=(line,))


def _row(place: str, record: Record) -> Row:
    numbers = (record.capsule, record.confidence, record.defect_score, record.defect_area_pct)
    capsule, confidence, score, area = (
        "" if number is None else f"{number:.{digits}f}"
        for number, digits in zip(numbers, (0, 3, 3, 2), strict=True)
    )
    label = record.label or record.status.replace("_", " ")
    doubt = record.warning or record.error
    path = record.path.removeprefix(place)
    return Row((path, capsule, label, confidence, score, area, doubt), _groups(record))


def _groups(record: Record) -> tuple[str, ...]:
    label = record.label or record.status.replace("_", " ")
    return (label, "with a warning") if record.warning else (label,)
