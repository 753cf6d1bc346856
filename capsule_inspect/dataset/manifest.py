"""The samples of a data set, and the file that lists them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, Final

from capsule_inspect.choices import SPLITS
from capsule_inspect.errors import DataError
from capsule_inspect.files import read_text, write_csv


@dataclass(frozen=True)
class Sample:
    """One picture of a data set: one row of manifest.csv.

    Attributes:
        path: POSIX path relative to the data set's root.
        label: Class name.
        mask: POSIX path of the mask relative to the data set's root, or to its `mask_root` if it
            has one; empty without a mask.
        split: `train`, `val` or `test`.
        fold: Cross-validation fold from 0; None without folds.
        sha256: Hash of the decoded pixels.
        width: Width in pixels.
        height: Height in pixels.
        mask_sha256: Hash of the decoded mask; empty without a mask, and in older manifests.
        group: The part that it shows; pictures of one part share a split and a fold. Empty if it
            shows its own.
    """

    path: str
    label: str
    mask: str
    split: str
    fold: int | None
    sha256: str
    width: int
    height: int
    mask_sha256: str = ""
    group: str = ""


def leaves_root(path: str) -> bool:
    """Tells whether a path leads out of the folder that it is relative to."""
    parts = PurePosixPath(path)
    return parts.is_absolute() or ".." in parts.parts


MANIFEST: Final = "manifest.csv"

_COLUMNS: Final = tuple(field.name for field in fields(Sample))
_REQUIRED: Final = _COLUMNS[:-2]
"""The columns that older manifests have, too."""


def write_manifest(path: Path, samples: Iterable[Sample]) -> None:
    """Writes a manifest, sorted by path; the same samples give the same bytes.

    Raises:
        OSError: The file cannot be written.
    """
    in_order = sorted(samples, key=lambda sample: sample.path)
    write_csv(path, [_COLUMNS, *map(astuple, in_order)])


def read_manifest(path: Path) -> tuple[Sample, ...]:
    """Reads a manifest, also as a spreadsheet saves it.

    It may have a byte order mark, semicolons instead of commas, and more columns.

    Returns:
        Its samples, at least one, sorted by path.

    Raises:
        DataError: It cannot be read, is damaged or lists no pictures.
    """
    text = _read_text(path)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    samples: list[Sample] = []
    try:
        _require_columns(path, rows.fieldnames or ())
        for row in rows:
            samples.append(_sample(row))
    except (csv.Error, ValueError) as error:
        raise DataError(
            f"'{path}' is damaged at line {rows.line_num}: {error}. Prepare the data again."
        ) from error
    if not samples:
        raise DataError(f"'{path}' lists no pictures. Prepare the data again.")
    samples.sort(key=lambda sample: sample.path)
    for one, following in pairwise(samples):
        if one.path == following.path:
            raise DataError(f"'{path}' lists '{one.path}' twice. Take one of the lines out.")
    return tuple(samples)


def _sample(row: Mapping[str | None, Any]) -> Sample:
    """Reads one row.

    Raises:
        ValueError: It has too few or too many cells, or a cell has a wrong value.
    """
    if None in row or None in row.values():
        raise ValueError("a row does not have as many cells as the first one")
    if row["split"] not in SPLITS:
        raise ValueError(f"{row['split']!r} is no split")
    for name in ("path", "mask"):
        if leaves_root(row[name]):
            raise ValueError(f"{row[name]!r} leaves the data set's root")
    width, height = int(row["width"]), int(row["height"])
    if width < 1 or height < 1:
        raise ValueError(f"a picture of {width} x {height} pixels cannot be")
    return Sample(
        path=row["path"],
        label=row["label"],
        mask=row["mask"],
        split=row["split"],
        fold=int(row["fold"]) if row["fold"] else None,
        sha256=row["sha256"],
        width=width,
        height=height,
        mask_sha256=row.get("mask_sha256", ""),
        group=row.get("group", ""),
    )


def _require_columns(path: Path, names: Sequence[str]) -> None:
    for name in _REQUIRED:
        if names.count(name) != 1:
            raise DataError(
                f"'{path}' has the column {name} {names.count(name)} times, not once. Its first "
                f"line must name {','.join(_REQUIRED)}. Prepare the data again."
            )


def _delimiter(text: str) -> str:
    """Returns what stands between the cells; some spreadsheets save a semicolon."""
    first = text.partition("\n")[0]
    return ";" if first.count(";") >= len(_REQUIRED) - 1 else ","


def _read_text(path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"'{path}' is damaged: {error}, or prepare the data again.") from error
