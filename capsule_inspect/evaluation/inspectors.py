"""The verdicts of human inspectors, and the file that lists them."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from capsule_inspect.errors import DataError
from capsule_inspect.files import read_text
from capsule_inspect.text import counted, suggest

DEFECTIVE: Final = "defective"
"""The verdict of people who only sort; where the data set has a class of this name, that class."""

TRUTH: Final = "truth"
MODEL: Final = "model"
EVERYONE: Final = "all inspectors"
_OTHERS: Final = frozenset({TRUTH, MODEL, EVERYONE})
"""What stands beside the names of inspectors in tables, so that no inspector can have it."""


@dataclass(frozen=True)
class Verdict:
    """What an inspector said of a picture.

    Attributes:
        path: The picture's path in the manifest.
        inspector: The name of the inspector.
        label: A class, `good` or `DEFECTIVE`.
        round: The number of the reading, from 1; people may read the same pictures several times.
    """

    path: str
    inspector: str
    label: str
    round: int = 1


def read_verdicts(
    file: Path, pictures: Iterable[str], classes: Sequence[str]
) -> tuple[Verdict, ...]:
    """Reads the verdicts of inspectors, as any program saves them.

    The file has a row for each verdict, with the columns `image`, `inspector` and `label`, and may
    have more; or a row for each picture, with the column `image` and one for each inspector, where
    empty cells stand for pictures that the inspector did not read. Both can have the column
    `round`. Cells are separated by commas, semicolons or tabs.

    Args:
        file: The file.
        pictures: The paths of all pictures of the data set. A file name alone also tells a picture
            if no other has it.
        classes: Class names, `good` first.

    Returns:
        At least one verdict, in the order of the file.

    Raises:
        DataError: The file cannot be read or is empty, or a row names an unknown picture or class,
            or a verdict is there twice. The message names the line.
    """
    text = _read_text(file)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    known = _Pictures(pictures)
    labels = tuple(dict.fromkeys((*classes, DEFECTIVE)))
    verdicts: list[Verdict] = []
    lines: dict[tuple[str, str, int], int] = {}
    try:
        form = _read_form(next((row for row in rows if any(row)), []))
        for cells in rows:
            if not any(map(str.strip, cells)):
                continue  # spreadsheets leave such lines
            for verdict in _read_row(form, cells, known, labels):
                reading = (verdict.path, verdict.inspector, verdict.round)
                if lines.setdefault(reading, rows.line_num) != rows.line_num:
                    raise _second(verdict, lines[reading])
                verdicts.append(verdict)
    except csv.Error as error:
        raise DataError(f"'{file}' cannot be used: line {rows.line_num}: {error}.") from error
    except ValueError as error:
        place = f"line {rows.line_num}: " if rows.line_num else ""
        raise DataError(f"'{file}' cannot be used: {place}{error}") from error
    if not verdicts:
        raise DataError(f"'{file}' cannot be used: it holds no verdict.")
    return tuple(verdicts)


def _read_text(file: Path) -> str:
    try:
        return read_text(file)
    except OSError as error:
        raise DataError(f"'{file}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"'{file}' cannot be read: {error}.") from error


def _delimiter(text: str) -> str:
    """Returns what stands between the cells: what the first line has most of."""
    return max(",;\t", key=text.lstrip().partition("\n")[0].count)


_HEADER: Final = (
    "The first line must name the columns image,inspector,label, or image and then each inspector."
)


@dataclass(frozen=True)
class _Form:
    """The places of the columns.

    Attributes:
        width: The number of columns.
        image: The place of the picture.
        round: The place of the number of the reading; None without.
        single: The places of the inspector and the label, with one verdict to a row; else None.
        named: Otherwise the places and the names of the inspectors.
    """

    width: int
    image: int
    round: int | None
    single: tuple[int, int] | None
    named: tuple[tuple[int, str], ...]

    def verdicts(self, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yields the inspector and the label of each verdict of a row."""
        if self.single:
            inspector, label = self.single
            yield _inspector(cells[inspector]), cells[label]
        for place, name in self.named:
            if cells[place]:
                yield name, cells[place]


def _read_form(header: Sequence[str]) -> _Form:
    """Reads the first line.

    Raises:
        ValueError: It lacks a column, or has one twice or without a name.
    """
    names = [_plain(name) for name in header]
    if not names:
        raise ValueError(f"it is empty. {_HEADER}")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the column '{name}' is there {names.count(name)} times, not once.")
    if "image" not in names:
        raise ValueError(f"there is no column image. {_HEADER}")
    number = names.index("round") if "round" in names else None
    both = {"inspector", "label"} & set(names)
    if len(both) == 1:
        raise ValueError(f"there is a column {both.pop()}, but not the other one. {_HEADER}")
    if both:
        single = (names.index("inspector"), names.index("label"))
        return _Form(len(names), names.index("image"), number, single, ())
    others = [(n, name) for n, name in enumerate(names) if name not in {"image", "round"}]
    if not others:
        raise ValueError(f"there is no column of an inspector. {_HEADER}")
    named = tuple((place, _inspector(name)) for place, name in others)
    return _Form(len(names), names.index("image"), number, None, named)


def _read_row(
    form: _Form, row: Sequence[str], known: "_Pictures", labels: Sequence[str]
) -> Iterator[Verdict]:
    """Yields the verdicts of a row.

    Raises:
        ValueError: It has too few or too many cells, or a cell has a wrong value.
    """
    cells = [_plain(cell) for cell in row]
    if len(cells) != form.width:
        raise ValueError(f"it has {counted(len(cells), 'cell')}, but the first line {form.width}.")
    path = known.find(cells[form.image])
    number = 1 if form.round is None else _round(cells[form.round])
    for inspector, label in form.verdicts(cells):
        if label not in labels:
            raise ValueError(
                f"'{label}' is no class of the data set.{suggest(label, labels)} "
                f"It can be {', '.join(labels)}."
            )
        yield Verdict(path, inspector, label, number)


def _second(verdict: Verdict, line: int) -> ValueError:
    return ValueError(
        f"'{verdict.inspector}' has a verdict on '{verdict.path}' already, in line {line}. "
        "Take one out, or number the readings in a column round."
    )


def _plain(cell: str) -> str:
    return unicodedata.normalize("NFC", cell.strip())


def _inspector(name: str) -> str:
    if not name:
        raise ValueError("an inspector has no name.")
    if name.casefold() in _OTHERS:
        raise ValueError(
            f"no inspector can be called '{name}', since the tables have a row of that name. "
            "Write another name."
        )
    return name


def _round(cell: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", cell):
        raise ValueError(f"the round '{cell}' is not a whole number from 1.")
    return int(cell)


class _Pictures:
    """Finds pictures by path, or by file name if only one has it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_path = {unicodedata.normalize("NFC", path): path for path in paths}
        self._by_name: dict[str, list[str]] = {}
        for plain, path in self._by_path.items():
            self._by_name.setdefault(PurePosixPath(plain).name, []).append(path)

    def find(self, text: str) -> str:
        """Returns the path of a picture in the manifest.

        Raises:
            ValueError: There is no such picture, or more than one.
        """
        if not text:
            raise ValueError("the picture has no name.")
        plain = PurePosixPath(text).as_posix()
        if plain in self._by_path:
            return self._by_path[plain]
        found = self._by_name.get(plain, ())
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(
                f"{len(found)} pictures are called '{text}'. Write the path, such as '{found[0]}'."
            )
        hint = suggest(plain, [*self._by_path, *self._by_name])
        raise ValueError(f"the data set has no picture '{text}'.{hint}")
