"""Masks in which each class has a number or a colour, as Pascal VOC has them."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from capsule_inspect.errors import DataError, PictureError
from capsule_inspect.files import read_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

_GROUND: Final = 0
_VOID: Final = 255
"""The number of pixels that nobody judges, such as outlines; they are not defect."""
_NO_CLASSES: Final = frozenset({"background", "void", "ignored", "ignore"})
"""Names in a list of colours that mean no class, in lower case."""


def voc_colour(number: int) -> Colour:
    """Returns the colour of a number in VOC's palette (`VOClabelcolormap.m` of its devkit).

    Its bits 0, 3 and 6 are the highest of red, its bits 1, 4 and 7 those of green, and its bits 2
    and 5 those of blue.

    Example:
        >>> voc_colour(1), voc_colour(255)
        ((128, 0, 0), (224, 224, 192))
    """
    red, green, blue = (
        sum((number >> (3 * place + channel) & 1) << (7 - place) for place in range(3))
        for channel in range(3)
    )
    return red, green, blue


_VOC_NUMBERS: Final = {voc_colour(number): number for number in range(256)}


@dataclass(frozen=True)
class ClassColours:
    """The classes of a set, in the order of their numbers, each with its colour.

    Attributes:
        file: The file that lists them.
        names: Their names.
        colours: Their colours.
    """

    file: Path
    names: tuple[str, ...]
    colours: tuple[Colour, ...]


def read_class_colours(file: Path) -> ClassColours:
    """Reads the `labelmap.txt` of CVAT: lines `name:r,g,b:parts:actions`.

    A class without a colour has that of its number in VOC's palette.

    Raises:
        DataError: A line is of another form, or two have one colour.
        OSError: It cannot be read.
    """
    try:
        text = read_text(file)
    except ValueError as error:
        raise DataError(f"'{file}' is damaged: {error}.") from error
    found: dict[Colour, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, rest = line.partition(":")
        given = rest.partition(":")[0].strip()
        colour = _parse_colour(given) if given else voc_colour(len(found))
        if colour is None or not name.strip():
            raise DataError(
                f"'{file}' is damaged: line {number} is not `name:r,g,b:parts:actions` with "
                "numbers from 0 to 255. Export it again, or mend it there."
            )
        if colour in found:
            raise DataError(
                f"'{file}' is damaged: line {number} has the colour of `{found[colour]}`. Give "
                "each class its own."
            )
        found[colour] = name.strip()
    return ClassColours(file, tuple(found.values()), tuple(found))


def _parse_colour(text: str) -> Colour | None:
    numbers = [int(word) if word.strip().isdecimal() else -1 for word in text.split(",")]
    if len(numbers) != 3 or not all(0 <= number <= 255 for number in numbers):
        return None
    return numbers[0], numbers[1], numbers[2]


@dataclass(frozen=True)
class ClassMask:
    """A mask of a picture.

    Attributes:
        file: The file.
        place: Its POSIX path relative to the root, for messages.
        classes: What its colours mean; None if nothing says so, or if it numbers objects.
    """

    file: Path
    place: str
    classes: ClassColours | None

    def areas(self) -> dict[str, int]:
        """Returns the number of pixels of each class; the class is empty where it is not known.

        Raises:
            DataError: It cannot be read, or holds a number or colour without a class.
        """
        painted = _read(self)
        areas: dict[str, int] = {}
        for number, count in painted.counts().items():
            name = self._name(painted, number)
            if name is not None:
                areas[name] = areas.get(name, 0) + count
        return areas

    def fill(self, label: str, height: int, width: int) -> "NDArray[np.bool_]":
        """Returns the pixels of a class, bool [H, W].

        Raises:
            DataError: As for `areas`, or the picture has another size.
        """
        import numpy as np

        painted = _read(self)
        rows, columns = painted.numbers.shape
        if (rows, columns) != (height, width):
            raise DataError(
                f"The mask '{self.place}' has {columns} x {rows} pixels, its picture "
                f"{width} x {height}."
            )
        wanted = [each for each in painted.counts() if self._name(painted, each) == label]
        return np.isin(painted.numbers, wanted)

    def _name(self, painted: "_Painted", number: int) -> str | None:
        """Returns the class of a number; None if it is none, and empty if it is not known."""
        colour = painted.colours.get(number)
        if self.classes is not None and colour in self.classes.colours:
            name = self.classes.names[self.classes.colours.index(colour)]
            return None if name.casefold() in _NO_CLASSES else name
        if number in painted.unclassed:
            return None
        if self.classes is None:
            return ""
        if colour is not None:
            raise DataError(
                f"The mask '{self.place}' holds the colour {','.join(map(str, colour))}, which "
                f"'{self.classes.file.name}' does not name. Add a line for it there."
            )
        if self.classes.names[0].casefold() not in _NO_CLASSES or number >= len(self.classes.names):
            raise DataError(
                f"The mask '{self.place}' holds the number {number}, which "
                f"'{self.classes.file.name}' does not name. Its first line must be the background, "
                "and as many must follow as there are classes."
            )
        return self.classes.names[number]


@dataclass(frozen=True)
class _Painted:
    """The content of a mask.

    Attributes:
        numbers: int32 [H, W].
        colours: The colours of the numbers; none if they are grey levels.
        unclassed: The numbers that mean ground or void.
    """

    numbers: "NDArray[np.int32]"
    colours: Mapping[int, Colour]
    unclassed: frozenset[int]

    def counts(self) -> dict[int, int]:
        """Returns how many pixels have each number."""
        import numpy as np

        values, counts = np.unique(self.numbers, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _read(mask: ClassMask) -> _Painted:
    from capsule_inspect.imaging.headers import read_header
    from capsule_inspect.imaging.picture import MAX_PIXELS, read_picture_file
    from capsule_inspect.imaging.read import decode_upright

    name = f"The mask '{mask.place}'"
    try:
        data = read_picture_file(mask.file, MAX_PIXELS)
        read_header(data, name)  # finds damage, which new checksums would hide
        palette = _palette_of(data)
        numbered = _with_numbers(data) if palette else data
        header, decoded = decode_upright(numbered, name, MAX_PIXELS)
    except (PictureError, struct.error) as error:
        raise DataError(str(error).replace(f"The file '{mask.file}'", name, 1)) from error
    if palette:
        return _of_palette(decoded[..., 0].astype("int32"), palette)
    if decoded.ndim == 2:
        levels = decoded.astype("int32")
        if header.format == "png" and data[_DEPTH_AT] < 8:
            levels //= 255 // (2 ** data[_DEPTH_AT] - 1)  # OpenCV spreads fewer bits to 255
        return _Painted(levels, {}, frozenset({_GROUND, _VOID}))
    blue, green, red = (decoded[..., channel].astype("int32") for channel in range(3))
    codes = red << 16 | green << 8 | blue
    return _of_colours(codes)


def _of_colours(codes: "NDArray[np.int32]") -> _Painted:
    import numpy as np

    colours = {
        code: (code >> 16, code >> 8 & 255, code & 255) for code in np.unique(codes).tolist()
    }
    plain = {voc_colour(_GROUND), voc_colour(_VOID)}
    unclassed = frozenset(code for code, colour in colours.items() if colour in plain)
    return _Painted(codes, colours, unclassed)


def _of_palette(numbers: "NDArray[np.int32]", palette: list[Colour]) -> _Painted:
    import numpy as np

    used = np.unique(numbers).tolist()
    colours = {number: palette[number] for number in used if number < len(palette)}
    unclassed = frozenset({_GROUND, _VOID})
    if all(colour == (number,) * 3 for number, colour in colours.items()):
        return _Painted(numbers, {}, unclassed)
    if len(set(colours.values())) == len(used) and set(colours.values()) <= set(_VOC_NUMBERS):
        # Tools that make files smaller sort the palette anew; then the colours say the numbers.
        unclassed = frozenset(n for n in used if _VOC_NUMBERS[colours[n]] in unclassed)
    return _Painted(numbers, colours, unclassed)


_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_DEPTH_AT, _KIND_AT, _INDEXED = 24, 25, 3
"""Where a PNG says its bits and its kind of colour, and the kind that has a palette."""


def _palette_of(data: bytes) -> list[Colour]:
    """Returns the palette of a PNG; empty for other files."""
    if not data.startswith(_SIGNATURE) or data[_KIND_AT : _KIND_AT + 1] != bytes([_INDEXED]):
        return []
    entries = next((body for kind, body in _chunks(data) if kind == b"PLTE"), b"")
    return list(zip(entries[::3], entries[1::3], entries[2::3], strict=False))


def _with_numbers(data: bytes) -> bytes:
    """Returns a PNG with a palette in which each number is its own shade of grey.

    OpenCV gives the colours of a palette alone, and several numbers can have one colour.
    """
    parts = [_SIGNATURE]
    for kind, body in _chunks(data):
        is_palette = kind == b"PLTE"
        own = bytes(level // 3 for level in range(len(body))) if is_palette else body
        if kind != b"tRNS":
            checksum = struct.pack(">I", zlib.crc32(kind + own))
            parts += [struct.pack(">I", len(own)), kind, own, checksum]
    return b"".join(parts)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Returns the chunks of a PNG: their kinds and contents."""
    found, position = [], len(_SIGNATURE)
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        found.append(
            (data[position + 4 : position + 8], data[position + 8 : position + 8 + length])
        )
        position += length + 12
    return found
