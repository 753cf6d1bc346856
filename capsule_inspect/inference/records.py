"""The rows of `predictions.csv`: making, writing and reading them."""

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

from capsule_inspect.errors import DataError
from capsule_inspect.inference.inspector import Finding
from capsule_inspect.printable import printable

Status = Literal["ok", "no_capsule", "error"]

_BEFORE = ("path", "capsule", "status", "label", "confidence", "defect_score", "threshold")
_AFTER = ("defect_area_px", "defect_area_pct", "x", "y", "width", "height", "angle")
_LAST = ("overlay", "mask", "warning", "error")
_TEXTS = ("path", "status", "label", *_LAST)
_WHOLE = ("capsule", "defect_area_px")
_PROBABILITY = "p_"
_FORMULA_STARTS = ("=", "+", "-", "@", "'", "\t", "\r")


@dataclass(frozen=True)
class Record:
    """One row: a capsule, or a file that gave none.

    Attributes:
        path: The file as found, spelled by `printable`.
        status: `ok`, `no_capsule` or `error`; the last two leave label and numbers empty.
        capsule: Which capsule of its picture, from 0.
        label: `good` or a defect class.
        confidence: The label's probability; for `good`, 1 - defect_score. In [0, 1].
        defect_score: 1 - p(good), in [0, 1].
        threshold: The label is `good` exactly where defect_score is below it.
        probabilities: One per class, in the model's order; empty without a capsule.
        defect_area_px: Defect pixels; None for a model without masks.
        defect_area_pct: The same in percent of the capsule's area.
        x: Centre of the capsule's box in native pixels, rightwards.
        y: Centre of the box, downwards.
        width: Side of the box along the capsule, in pixels.
        height: Side across it.
        angle: Degrees clockwise, in (-180, 180].
        overlay: The overlay's file, relative to the results folder; empty without one.
        mask: The mask's file, likewise.
        warning: What makes this row less sure.
        error: Why the file could not be read.
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

    def to_json(self, classes: Sequence[str]) -> str:
        """Writes the row as one line of JSON in ASCII, texts raw, empty numbers as null."""
        return json.dumps(_cells(self, classes))


def record_finding(
    path: str,
    capsule: int,
    finding: Finding,
    threshold: float,
    overlay: str = "",
    mask: str = "",
    warning: str = "",
) -> Record:
    """Makes the row of one capsule.

    Scores keep every digit, so that a reader who compares them with the threshold gets the label;
    lengths and the angle are rounded to hundredths, the share of area to ten-thousandths.
    """
    decision, box = finding.decision, finding.crop.box
    area = decision.defect_area
    angle = round(box.angle, 2) + 0.0  # no -0.0
    return Record(
        path=path,
        status="ok",
        capsule=capsule,
        label=decision.label,
        confidence=decision.confidence,
        defect_score=decision.defect_score,
        threshold=threshold,
        probabilities=tuple(float(value) for value in decision.probabilities),
        defect_area_px=area,
        defect_area_pct=None if area is None else round(100 * area / box.area, 4),
        x=round(box.x, 2),
        y=round(box.y, 2),
        width=round(box.length, 2),
        height=round(box.width, 2),
        angle=180.0 if angle == -180.0 else angle,  # rounding must not leave (-180, 180]
        overlay=overlay,
        mask=mask,
        warning=warning,
    )


class RecordWriter:
    """Writes `predictions.csv` row by row; what is on disk can be read at any time.

    UTF-8, lines end with LF. A text cell that starts with `= + - @ '`, tab or CR gets one leading
    `'`, so that no spreadsheet takes it for a formula; numbers are left alone, or a negative angle
    could not be read as one.

    Args:
        path: The file.
        classes: Class names in the model's order.
        keep: Bytes to keep of a file that is there, from `recover_records`; 0 makes a new file.
    """

    def __init__(self, path: Path, classes: Sequence[str], keep: int = 0) -> None:
        self._classes = tuple(classes)
        # Unbuffered: the rows of a picture are one write.
        self._file = path.open("r+b" if keep else "xb", buffering=0)
        if keep:
            self._file.truncate(keep)
            self._file.seek(keep)
        else:
            self._append(csv_line(record_columns(self._classes)))

    def __enter__(self) -> "RecordWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._file:
            if error is None:  # or its sentence would be lost behind another
                os.fsync(self._file.fileno())

    def write(self, records: Sequence[Record]) -> None:
        """Appends the rows of one picture."""
        rows = [_cells(record, self._classes) for record in records]
        self._append(b"".join(csv_line([_as_text(*c) for c in row.items()]) for row in rows))

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:  # an unbuffered file may take less than it is given
            left = left[self._file.write(left) :]


def read_records(path: Path) -> tuple[Record, ...]:
    """Reads back what `RecordWriter` wrote.

    Raises:
        DataError: The file cannot be read or is no `predictions.csv`.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            columns = tuple(reader.fieldnames or ())
            classes = [c.removeprefix(_PROBABILITY) for c in columns if c.startswith(_PROBABILITY)]
            if columns != record_columns(classes):
                raise ValueError("its columns are others")
            return tuple(parse_record(row) for row in reader)
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read as a predictions.csv: {error}.") from error


def record_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the columns, one probability for each class."""
    return (*_BEFORE, *(f"{_PROBABILITY}{name}" for name in classes), *_AFTER, *_LAST)


def _cells(record: Record, classes: Sequence[str]) -> dict[str, object]:
    """Returns the values of a row by column; None where a number is empty."""
    probabilities = record.probabilities or (None,) * len(classes)
    by_class = zip(record_columns(classes)[len(_BEFORE) :], probabilities, strict=False)
    return {
        **{name: getattr(record, name) for name in _BEFORE},
        **dict(by_class),
        **{name: getattr(record, name) for name in (*_AFTER, *_LAST)},
    }


def _as_text(column: str, value: object) -> str:
    if value is None:
        return ""
    if column in _TEXTS:
        text = str(value)
        return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
    return repr(value)  # of a float, the shortest that reads back as the same number


def csv_line(cells: Sequence[str]) -> bytes:
    """Returns a line of the file, ended by LF."""
    line = io.StringIO()
    # Some versions of csv quote CR and LF only where they are part of the line's end.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return (printable(line.getvalue().removesuffix("\r\n")) + "\n").encode("utf-8")


def parse_record(row: Mapping[str, str]) -> Record:
    """Reads a row, by column.

    Raises:
        ValueError: It has too many or too few cells, or one that is not a number.
        TypeError: The same.
    """
    if None in row or None in row.values():
        raise ValueError("a row has too many or too few cells")
    values: dict[str, Any] = {}
    for name in (*_BEFORE, *_AFTER, *_LAST):
        values[name] = _from_text(name, row[name])
    shares = [text for column, text in row.items() if column.startswith(_PROBABILITY)]
    values["probabilities"] = tuple(float(text) for text in shares if text)
    return Record(**values)


def _from_text(column: str, text: str) -> object:
    if column in _TEXTS:
        return text.removeprefix("'")
    convert = cast("Callable[[str], object]", int if column in _WHOLE else float)
    return convert(text) if text else None
