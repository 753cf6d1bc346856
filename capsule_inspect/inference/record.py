"""One row of `predictions.csv`: its columns, and how it is written and read."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from capsule_inspect.printable import printable

Status: TypeAlias = Literal["ok", "no_capsule", "error"]

PROBABILITY = "p_"
"""How the names of the columns begin that hold the probability of a class."""

_DECISION = ("path", "capsule", "status", "label", "confidence", "defect_score", "threshold")
_GEOMETRY = ("defect_area_px", "defect_area_pct", "x", "y", "width", "height", "angle")
_FILES_AND_NOTES = ("overlay", "mask", "warning", "error")
_TEXTS = ("path", "status", "label", *_FILES_AND_NOTES)
_WHOLE_NUMBERS = ("capsule", "defect_area_px")
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
        defect_area_pct: The same in percent of the capsule's area; for a model that looks at whole
            pictures, of the picture's.
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

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> "Record":
        """Reads a row of the file, by column.

        Raises:
            ValueError: It has too many or too few cells, or one that is not a number.
        """
        if None in row or None in row.values():
            raise ValueError("a row has too many or too few cells")
        names = (*_DECISION, *_GEOMETRY, *_FILES_AND_NOTES)
        values: dict[str, Any] = {name: _from_text(name, row[name]) for name in names}
        shares = [text for column, text in row.items() if column.startswith(PROBABILITY)]
        values["probabilities"] = tuple(float(text) for text in shares if text)
        return cls(**values)

    def to_csv(self, classes: Sequence[str]) -> bytes:
        """Writes the row as a line of the file.

        A text that starts with `= + - @ '`, tab or CR gets one leading `'`, so that no spreadsheet
        takes it for a formula; numbers are left alone, or a negative angle could not be read as
        one.
        """
        return csv_line([_as_text(*cell) for cell in self._cells(classes).items()])

    def to_json(self, classes: Sequence[str]) -> str:
        """Writes the row as one line of JSON in ASCII, texts raw, empty numbers as null."""
        return json.dumps(self._cells(classes))

    def _cells(self, classes: Sequence[str]) -> dict[str, object]:
        """Returns the values of a row by column; None where a number is empty."""
        probabilities = self.probabilities or (None,) * len(classes)
        by_class = (f"{PROBABILITY}{name}" for name in classes)
        return {
            **{name: getattr(self, name) for name in _DECISION},
            **dict(zip(by_class, probabilities, strict=True)),
            **{name: getattr(self, name) for name in (*_GEOMETRY, *_FILES_AND_NOTES)},
        }


def record_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the columns, one probability for each class."""
    by_class = (f"{PROBABILITY}{name}" for name in classes)
    return (*_DECISION, *by_class, *_GEOMETRY, *_FILES_AND_NOTES)


def csv_line(cells: Sequence[str]) -> bytes:
    """Returns a line of the file, in UTF-8, ended by LF."""
    line = io.StringIO()
    # Some versions of csv quote CR and LF only where they are part of the line's end.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return (printable(line.getvalue().removesuffix("\r\n")) + "\n").encode("utf-8")


def _as_text(column: str, value: object) -> str:
    if value is None:
        return ""
    if column in _TEXTS:
        text = str(value)
        return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
    return repr(value)  # of a float, the shortest that reads back as the same number


def _from_text(column: str, text: str) -> object:
    if column in _TEXTS:
        return text.removeprefix("'")
    convert = cast("Callable[[str], object]", int if column in _WHOLE_NUMBERS else float)
    return convert(text) if text else None
