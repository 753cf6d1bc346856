"""report.html: the results of a batch, to review in a browser."""

import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from capsule_inspect.choices import GOOD
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import MAX_PIXELS, Picture
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.batch import BatchSummary
from capsule_inspect.inference.corrections import COLUMNS, UNSURE
from capsule_inspect.inference.digests import sha256
from capsule_inspect.inference.drift import Shift, describe_drift
from capsule_inspect.inference.records import Record, read_records
from capsule_inspect.inference.results_folder import OpenResults, ResultsFolder
from capsule_inspect.inference.review_queue import digests_by_path, order_for_review
from capsule_inspect.pages.charts import Chart, Curve, histogram
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
from capsule_inspect.pages.pictures import make_thumbnail
from capsule_inspect.text import counted

_MOST_DEFECTS = 60
_MOST_DOUBTFUL = 24
_CLOSE_CALLS = 12

_CAPSULE = "capsule"
"""The column, and the subject of models that have it: pictures are not numbered."""
_COLUMNS = (
    Column("picture"),
    Column(_CAPSULE, is_number=True),
    Column("label"),
    Column("confidence", is_number=True),
    Column("defect score", is_number=True),
    Column("defect area, %", is_number=True),
    Column("warning or error", is_long=True),
)


@dataclass(frozen=True)
class _Page:
    """The values in `templates/batch.html`."""

    title: str
    about: str
    subject: str
    place: str
    facts: tuple[Fact, ...]
    drift: str
    shifts: tuple[Shift, ...]
    defects: tuple[Card, ...]
    defects_left_out: int
    doubtful: tuple[Card, ...]
    doubtful_left_out: int
    close_calls: tuple[Card, ...]
    scores: Chart | None
    table: Table
    review: Mapping[str, object] | None


def write_batch_page(
    results: OpenResults,
    about: str,
    summary: BatchSummary,
    max_pixels: int,
    bits: int | None = None,
) -> None:
    """Writes report.html beside the rows of a batch.

    Args:
        results: The results folder, which holds all rows.
        about: A sentence on the model that judged.
        summary: What the batch is about, and how it differs from the training pictures.
        max_pixels: Larger pictures are not shown.
        bits: The bits of 16 that the camera uses; see `decode_picture`.

    Raises:
        UsageError: The folder cannot be written.
        DataError: Its rows cannot be read.
    """
    rows, drift = read_records(results.records), summary.drift or ()
    page = make_batch_page(results.path, rows, about, drift, max_pixels, summary.subject, bits)
    results.write(results.report.name, page.encode())


def make_batch_page(
    folder: Path,
    records: Sequence[Record],
    about: str,
    drift: Sequence[Shift] = (),
    max_pixels: int = MAX_PIXELS,
    subject: str = _CAPSULE,
    bits: int | None = None,
) -> str:
    """Makes the page of a batch.

    Args:
        folder: The results folder, which holds the overlays.
        records: All its rows.
        about: A sentence on the model that judged.
        drift: How the batch differs from the training pictures.
        max_pixels: Larger pictures are not shown.
        subject: What the model judges: `capsule` or `picture`.
        bits: The bits of 16 that the camera uses; see `decode_picture`.

    Returns:
        An HTML document; it contains the pictures that a person looks at first.
    """
    capsules = [record for record in records if record.status == "ok"]
    defects = sorted((r for r in capsules if r.label != GOOD), key=_score, reverse=True)
    good = sorted((r for r in capsules if r.label == GOOD), key=_score, reverse=True)
    doubtful = [r for r in records if r.status != "ok" or r.warning or r.decision == "review"]
    place = _common_folder(records)
    read = partial(read_picture, max_pixels=max_pixels, bits=bits)
    numbers = {record: number for number, record in enumerate(records)}
    show = partial(_card, folder, place, read, numbers)
    cards = tuple(tuple(map(show, each)) for each in _shown(defects, doubtful, good))
    count = len({record.path for record in records})
    page = _Page(
        title=f"Inspection of {counted(count, 'picture')}",
        about=about,
        place=place,
        subject=subject,
        facts=tuple(_facts(records, len(defects), subject)),
        drift=describe_drift(drift),
        shifts=tuple(drift),
        defects=cards[0],
        defects_left_out=max(0, len(defects) - _MOST_DEFECTS),
        doubtful=cards[1],
        doubtful_left_out=max(0, len(doubtful) - _MOST_DOUBTFUL),
        close_calls=cards[2],
        scores=_draw_scores(capsules, subject),
        table=_table(records, place, subject),
        review=_review(folder, numbers, {c.row for each in cards for c in each if c.pictures}),
    )
    return render("batch.html", page=page)


def _shown(
    defects: Sequence[Record], doubtful: Sequence[Record], good: Sequence[Record]
) -> tuple[Sequence[Record], ...]:
    return defects[:_MOST_DEFECTS], doubtful[:_MOST_DOUBTFUL], good[:_CLOSE_CALLS]


def _review(
    folder: Path, numbers: Mapping[Record, int], shown: Container[int | None]
) -> Mapping[str, object] | None:
    """Returns what `review_report.js` reads; None if there is nothing to judge.

    Args:
        folder: The results folder.
        numbers: The number of each row.
        shown: The rows whose picture is on the page.
    """
    results = ResultsFolder(folder)
    classes = results.read_run().get("classes")
    queue = order_for_review(tuple(numbers), digests_by_path(results))
    items = [item for item in queue if numbers[item.record] in shown]
    if not items or not isinstance(classes, list):
        return None
    judged = [asdict(item.judge("", "")) for item in items]
    return {
        "columns": COLUMNS,
        "classes": [each for each in classes if each not in {GOOD, UNSURE}],
        "batch": sha256(repr([item.key for item in items]).encode()),
        "items": [
            {
                "row": numbers[item.record],
                "reasons": item.reasons,
                "warning": item.record.warning,
                "label": item.record.label,
                "threshold": item.record.threshold,
                "score": repr(item.record.defect_score) if item.record.label else "",
                **{name: value for name, value in each.items() if name not in {"time", "label"}},
            }
            for item, each in zip(items, judged, strict=True)
        ],
    }


def _table(records: Sequence[Record], place: str, subject: str) -> Table:
    kept = [n for n, each in enumerate(_COLUMNS) if each.name != _CAPSULE or subject == _CAPSULE]
    columns = tuple(_COLUMNS[n] for n in kept)

    def row(record: Record) -> Row:
        cells = _cells(place, record)
        return Row(tuple(cells[n] for n in kept), _groups(record))

    return make_table(columns, records, row, can_go=_needs_no_look)


def _score(record: Record) -> float:
    return record.defect_score or 0.0


def _facts(records: Sequence[Record], defective: int, subject: str) -> Iterable[Fact]:
    statuses = Counter(record.status for record in records)
    capsules = statuses["ok"]
    share = f"{100 * defective / capsules:.1f} % of {subject}s" if capsules else ""
    yield Fact(f"{subject}s", str(capsules))
    yield Fact("defective", str(defective), share)
    labels = Counter(record.label for record in records if record.status == "ok")
    yield Fact("good", str(labels[GOOD]))
    for label in sorted(labels.keys() - {GOOD}):
        yield Fact(label, str(labels[label]))
    if subject == _CAPSULE:
        yield Fact("without a capsule", str(statuses["no_capsule"]))
    yield Fact("not readable", str(statuses["error"]))
    yield Fact("with a warning", str(sum(bool(record.warning) for record in records)))
    reviews = sum(record.decision == "review" for record in records)
    if reviews:
        yield Fact("for review", str(reviews))


def _common_folder(records: Sequence[Record]) -> str:
    """Returns the folder that holds all pictures, with a slash at its end; empty if none does."""
    folders = {os.path.dirname(record.path) for record in records}  # noqa: PTH120  (text, as found)
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # of relative and absolute paths, or none at all
        return ""
    return os.path.join(common, "") if common else ""  # noqa: PTH118


def _card(
    folder: Path,
    place: str,
    read: Callable[[Path], Picture],
    numbers: Mapping[Record, int],
    record: Record,
) -> Card:
    parts = [f"Capsule {record.capsule}."] if record.capsule else []
    if record.status == "ok":
        parts.append(f"Confidence {record.confidence:.2f}, defect score {record.defect_score:.3f}.")
    parts += ["For review."] * (record.decision == "review")
    parts.append(record.warning or record.error)
    return Card(
        pictures=_pictures(folder, record, read),
        title=_label(record),
        path=record.path.removeprefix(place),
        is_good=record.label == GOOD,
        detail=" ".join(part for part in parts if part),
        row=numbers[record],
    )


def _label(record: Record) -> str:
    return record.label or record.status.replace("_", " ")


def _pictures(folder: Path, record: Record, read: Callable[[Path], Picture]) -> tuple[Shown, ...]:
    """Returns the overlay, or else the picture itself; nothing where neither can be read."""
    files = [folder / record.overlay] if record.overlay else []
    for file in (*files, Path(record.path)):
        with suppress(PictureError):
            return (Shown(make_thumbnail(read(file))),)
    return ()


def _draw_scores(capsules: Sequence[Record], subject: str) -> Chart | None:
    if not capsules or capsules[0].threshold is None:
        return None
    chart = histogram("Defect scores", "defect score", [_score(r) for r in capsules], (0.0, 1.0))
    threshold = capsules[0].threshold
    line = Curve(
        f"threshold {threshold:.3g}", ((threshold, 0), (threshold, chart.y_range[1])), "guide"
    )
    return replace(chart, y_label=f"{subject}s", curves=(line,))


def _needs_no_look(record: Record) -> bool:
    return record.label == GOOD and not record.warning and record.decision != "review"


def _cells(place: str, record: Record) -> tuple[str, ...]:
    numbers = (record.capsule, record.confidence, record.defect_score, record.defect_area_pct)
    capsule, confidence, score, area = (
        "" if number is None else f"{number:.{digits}f}"
        for number, digits in zip(numbers, (0, 3, 3, 2), strict=True)
    )
    doubt = record.warning or record.error
    path = record.path.removeprefix(place)
    return path, capsule, _label(record), confidence, score, area, doubt


def _groups(record: Record) -> tuple[str, ...]:
    groups = [f"label: {record.label}" if record.label else _label(record)]
    groups += ["with a warning"] * bool(record.warning)
    groups += ["for review"] * (record.decision == "review")
    return tuple(groups)
