"""Reading annotation files in JSON: each part as its format says, or a sentence that names it."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from capsule_inspect.errors import DataError
from capsule_inspect.files import read_text


class Part:
    """A part of a document; whatever is not as asked for raises an error that names its place.

    Args:
        file: The file, for messages.
        place: Where the part stands, such as `annotations[3].bbox`; empty for the whole document.
        value: The part.
    """

    def __init__(self, file: Path, place: str, value: Any) -> None:
        self.file, self.place, self.value = file, place, value

    def refuse(self, reason: str) -> NoReturn:
        """Raises DataError with the file, the place and a reason such as "is not a number"."""
        raise DataError(
            f"'{self.file}' is damaged: {self.place or 'the document'} {reason}. Export it again, "
            "or mend it there."
        )

    def __getitem__(self, key: str) -> "Part":
        """Returns a member of an object."""
        found = self.get(key)
        if found is None:
            self.refuse(f"has no `{key}`")
        return found

    def get(self, key: str) -> "Part | None":
        """Returns a member of an object; None if it is missing or null."""
        if not isinstance(self.value, Mapping):
            self.refuse("is not an object")
        value = self.value.get(key)
        return None if value is None else Part(self.file, f"{self.place}.{key}".lstrip("."), value)

    def __iter__(self) -> Iterator["Part"]:
        """Yields the items of a list."""
        if not isinstance(self.value, list):
            self.refuse("is not a list")
        for index, value in enumerate(self.value):
            yield Part(self.file, f"{self.place}[{index}]", value)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.value, list)

    def text(self) -> str:
        """Returns a text that is not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.refuse("is not a text")
        return self.value

    def identity(self) -> int | str:
        """Returns an id, which is a whole number or a text."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | str):
            self.refuse("is no id")
        return self.value

    def number(self) -> float:
        """Returns a finite number."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse("is not a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.refuse("is not finite")
        return number

    def corners(self) -> tuple[tuple[float, float], ...]:
        """Returns the corners of a polygon that is a flat list `[x1, y1, x2, y2, …]`."""
        numbers = [each.number() for each in self]
        if len(numbers) < 6 or len(numbers) % 2:
            self.refuse("is no polygon of at least three corners")
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def size_of(part: Part, height: str, width: str) -> tuple[int, int] | None:
    """Returns the size that an object gives for its picture; None if it gives none."""
    sides = [side.number() for key in (height, width) if (side := part.get(key))]
    return (int(sides[0]), int(sides[1])) if len(sides) == 2 else None


def mentions(file: Path, *keys: str) -> bool:
    """Tells whether a JSON file has these keys somewhere, damaged or not.

    Raises:
        OSError: It cannot be read.
    """
    data = file.read_bytes()
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if wide else "latin-1", "replace")
    return all(f'"{key}"' in text for key in keys)


def read_document(file: Path) -> Part:
    """Reads a JSON file.

    Raises:
        DataError: It is no JSON, or not in UTF-8.
        OSError: It cannot be read.
    """
    try:
        return Part(file, "", json.loads(read_text(file)))
    except RecursionError:
        raise DataError(f"'{file}' is damaged: its lists are nested too deeply.") from None
    except ValueError as error:
        raise DataError(f"'{file}' is damaged: {error}. Export it again.") from error
