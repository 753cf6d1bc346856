"""The rows of `predictions.csv`: make, write, read and recover them."""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from capsule_inspect.choices import Outcome, Status
from capsule_inspect.errors import DataError
from capsule_inspect.inference.growing_file import GrowingFile
from capsule_inspect.text import as_written, printable

if TYPE_CHECKING:
    from capsule_inspect.inference.inspector import Finding

PROBABILITY = "p_"
"""The prefix of the columns with the probability of a class."""

_DECISION = ("path", "capsule", "status", "label", "confidence", "defect_score", "threshold")
_GEOMETRY = ("defect_area_px", "defect_area_pct", "x", "y", "width", "height", "angle")
_FILES_AND_NOTES = ("overlay", "mask", "warning", "error")
_LAST = (*_FILES_AND_NOTES, "decision")
TEXT_COLUMNS = ("path", "status", "label", *_LAST)
"""The columns of texts; all others hold numbers."""

_WHOLE_NUMBERS = ("capsule", "defect_area_px")
_FORMULA_STARTS = ("=", "+", "-", "@", "'", "\t", "\r")


@dataclass(frozen=True)
class Record:
    """One row: a capsule, or a picture that gave none.

    Attributes:
        path: The path of the picture, spelled by `printable`.
        status: `ok`, `no_capsule` or `error`; with the last two, label and numbers are empty.
        capsule: Which capsule of its picture, from 0.
        label: `good` or a defect class.
        confidence: The label's probability; for `good`, 1 - defect_score. In [0, 1].
        defect_score: 1 - p(good), in [0, 1].
        threshold: The label is `good` exactly where defect_score is below it.
        probabilities: One per class, in the model's order; empty without a capsule.
        defect_area_px: Defect pixels; None for a model without masks.
        defect_area_pct: The same in percent of the capsule's area, or of the picture's area for a
            model that looks at whole pictures.
        x: Centre of the capsule's box, in native pixels from the left.
        y: The same from the top.
        width: Side of the box along the capsule, in pixels.
        height: Side across it.
        angle: Degrees clockwise, in (-180, 180].
        overlay: The overlay's file, relative to the results folder; empty without one.
        mask: The mask's file, likewise.
        warning: Sentences that give reasons not to trust the row.
        error: A sentence that says why the picture could not be read.
        decision: What becomes of it: `accept`, `review` or `reject`; empty for a picture that could
            not be read, unless people review.
    """

    path: str
    status: Status
    capsule: int | None = None
    label: str = ""
    confidence: float | None = None
    defect_score: float | None = None
    threshold: float | None = None
    probabilities: tuple[float, ...] = ()
    defect_area_px: int | None = None
    defect_area_pct: float | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    angle: float | None = None
    overlay: str = ""
    mask: str = ""
    warning: str = ""
    error: str = ""
    decision: Outcome | Literal[""] = ""

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> "Record":
        """Makes a record of the cells of a row, by column.

        Raises:
            ValueError: It has too many or too few cells, or one that is not a number.
        """
        if None in row or None in row.values():
            raise ValueError("a row has too many or too few cells")
        names = (*_DECISION, *_GEOMETRY, *_FILES_AND_NOTES)
        values: dict[str, Any] = {name: _from_text(name, row[name]) for name in names}
        values["decision"] = row.get("decision", "")  # older versions wrote none
        shares = [text for column, text in row.items() if column.startswith(PROBABILITY)]
        values["probabilities"] = tuple(float(text) for text in shares if text)
        return cls(**values)

    def to_csv(self, classes: Sequence[str]) -> bytes:
        """Returns the row as a line of the file.

        A text that starts with `= + - @ '`, tab or CR gets one leading `'`, so that no spreadsheet
        takes it for a formula. Numbers get none: a negative angle stays a number.
        """
        return csv_line([_as_text(*cell) for cell in self._cells(classes).items()])

    def to_json(self, classes: Sequence[str]) -> str:
        """Returns the row as one line of JSON in ASCII; texts stay raw, empty numbers are null."""
        return json.dumps(self._cells(classes))

    def _cells(self, classes: Sequence[str]) -> dict[str, object]:
        """Returns the cells of the row by column; None for an empty number."""
        probabilities = self.probabilities or (None,) * len(classes)
        by_class = (f"{PROBABILITY}{name}" for name in classes)
        return {
            **{name: getattr(self, name) for name in _DECISION},
            **dict(zip(by_class, probabilities, strict=True)),
            **{name: getattr(self, name) for name in (*_GEOMETRY, *_LAST)},
        }


def record_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the columns, with a probability for each class."""
    by_class = (f"{PROBABILITY}{name}" for name in classes)
    return (*_DECISION, *by_class, *_GEOMETRY, *_LAST)


def csv_line(cells: Sequence[str]) -> bytes:
    """Returns a line of the file, in UTF-8, with LF at its end."""
    line = io.StringIO()
    # Some versions of csv quote CR and LF only where they are part of the line's end.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return (printable(line.getvalue().removesuffix("\r\n")) + "\n").encode("utf-8")


def guard_text(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula: with a `'` before it, if need be."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _as_text(column: str, value: object) -> str:
    if value is None:
        return ""
    if column in TEXT_COLUMNS:
        return guard_text(str(value))
    return repr(value)  # of a float, the shortest that reads back as the same number


def _from_text(column: str, text: str) -> object:
    if column in TEXT_COLUMNS:
        return text.removeprefix("'")
    convert = cast("Callable[[str], object]", int if column in _WHOLE_NUMBERS else float)
    return convert(text) if text else None


def record_finding(
    path: str,
    capsule: int,
    finding: "Finding",
    threshold: float,
    overlay: str = "",
    mask: str = "",
    warnings: Sequence[str] = (),
    decision: Outcome | Literal[""] = "",
) -> Record:
    """Makes the row of one capsule.

    Scores have six significant digits; the decision was made on such a score, so comparing it with
    the threshold gives the label. Lengths and the angle are rounded to hundredths, the share of
    area to ten-thousandths.

    Args:
        path: The path of the picture, spelled by `printable`.
        capsule: Which capsule of its picture, from 0.
        finding: The capsule and the decision about it.
        threshold: The threshold of the decision.
        overlay: The overlay's file, relative to the results folder; empty without one.
        mask: The mask's file, likewise.
        warnings: Sentences about the picture; those of the finding follow them.
        decision: What becomes of the capsule.
    """
    decided, box = finding.decision, finding.crop.box
    area = decided.defect_area
    angle = round(box.angle, 2) + 0.0  # no -0.0
    return Record(
        path=path,
        status="ok",
        capsule=capsule,
        label=decided.label,
        confidence=as_written(decided.confidence),
        defect_score=decided.defect_score,
        threshold=threshold,
        probabilities=tuple(map(as_written, decided.probabilities)),
        defect_area_px=area,
        defect_area_pct=None if area is None else round(100 * area / box.area, 4),
        x=round(box.x, 2),
        y=round(box.y, 2),
        width=round(box.length, 2),
        height=round(box.width, 2),
        angle=180.0 if angle == -180.0 else angle,  # rounding must not leave (-180, 180]
        overlay=overlay,
        mask=mask,
        warning=" ".join([*warnings, *finding.warnings]),
        decision=decision,
    )


class RecordWriter(GrowingFile):
    """Writes `predictions.csv` row by row; the file on disk can be read at any time.

    Args:
        path: The file.
        classes: Class names in the model's order.
        keep: How many bytes of an existing file to keep, from `recover_records`; 0 replaces the
            file.

    Raises:
        UsageError: The file cannot be written; also raised by `write` and at the end.
    """

    def __init__(self, path: Path, classes: Sequence[str], keep: int = 0) -> None:
        self._classes = tuple(classes)
        super().__init__(path, csv_line(record_columns(classes)), keep)

    def __enter__(self) -> "RecordWriter":
        return self

    def write(self, records: Sequence[Record]) -> None:
        """Appends the rows of one picture.

        Raises:
            UsageError: The file cannot be written.
        """
        self.append(rows_as_csv(records, self._classes))


def rows_as_csv(records: Sequence[Record], classes: Sequence[str]) -> bytes:
    """Returns the rows of one picture as they stand in the file."""
    return b"".join(record.to_csv(classes) for record in records)


def read_records(path: Path) -> tuple[Record, ...]:
    """Reads back what `RecordWriter` wrote.

    Args:
        path: The file.

    Returns:
        All its rows, in order.

    Raises:
        DataError: The file cannot be read or is no `predictions.csv`.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            columns = tuple(reader.fieldnames or ())
            classes = [c.removeprefix(PROBABILITY) for c in columns if c.startswith(PROBABILITY)]
            known = record_columns(classes)
            if columns not in (known, known[:-1]):
                raise ValueError("its columns are others")
            return tuple(Record.from_row(row) for row in reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read as a predictions.csv: {error}.") from error


@dataclass(frozen=True)
class RecoveredRecords:
    """The rows of an unfinished `predictions.csv` that are certainly complete.

    Attributes:
        pictures: The rows of each finished picture.
        starts: The byte at which the rows of each begin.
        size: The byte at which the rows of the last one end.
        begun: How many pictures have rows, the one that may be unfinished included.
    """

    pictures: tuple[tuple[Record, ...], ...] = ()
    starts: tuple[int, ...] = ()
    size: int = 0
    begun: int = 0

    def first(self, count: int) -> "RecoveredRecords":
        """Returns those of the first pictures alone."""
        size = (*self.starts, self.size)[count]
        return RecoveredRecords(self.pictures[:count], self.starts[:count], size, self.begun)


def recover_records(path: Path, classes: Sequence[str]) -> RecoveredRecords:
    """Reads the rows of a run that was cut short.

    It leaves out everything after a damaged row, and the last picture, which may have had more
    capsules.

    Args:
        path: The file.
        classes: Class names in the model's order.

    Returns:
        The rows of all pictures but the last; none of an empty file.

    Raises:
        DataError: The file cannot be read, or is the `predictions.csv` of other classes.
    """
    columns = record_columns(classes)
    header = csv_line(columns)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not data.startswith(header):
        if header.startswith(data):
            return RecoveredRecords()
        raise DataError(f"'{path}' is not a predictions.csv of this model's classes.")
    pictures: list[list[Record]] = []
    starts: list[int] = []
    with suppress(ValueError, csv.Error):  # a power cut can leave zeros at the end
        for start, end in whole_lines(data, len(header)):
            (cells,) = csv.reader([data[start:end].decode()], strict=True)
            record = Record.from_row(dict(zip(columns, cells, strict=True)))
            if record.to_csv(classes) != data[start:end]:  # somebody else wrote it
                break
            if not pictures or pictures[-1][0].path != record.path:
                pictures.append([])
                starts.append(start)
            pictures[-1].append(record)
    finished = tuple(tuple(records) for records in pictures[:-1])
    size = starts[-1] if starts else len(header)
    return RecoveredRecords(finished, tuple(starts[:-1]), size, len(pictures))


_MARK = re.compile(rb'["\n]')


def whole_lines(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yields the start and the end of each line from `start` on.

    A line feed within quotes ends no line, and what follows the last one is left out.
    """
    quoted = False
    for mark in _MARK.finditer(data, start):
        if mark[0] == b'"':
            quoted = not quoted
        elif not quoted:
            yield start, mark.end()
            start = mark.end()


_SPELLED = re.compile(r"\\udc([0-9a-f]{2})")


def file_of(path: str) -> Path:
    """Returns the file of a row's path, which `printable` spelled."""
    if os.path.lexists(path):
        return Path(path)
    return Path(_SPELLED.sub(lambda found: chr(0xDC00 + int(found[1], 16)), path))
