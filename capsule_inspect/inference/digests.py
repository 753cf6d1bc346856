"""The digests of a results folder: what each picture was, and what came of it.

`digests.csv` has a line for each picture. The digest at its end covers the line and the digest of
the line before, so no line can be edited, removed or moved without a break in the chain. The seal
in `run.json` holds the end of the chain.
"""

import csv
import hashlib
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from capsule_inspect.inference.growing_file import GrowingFile
from capsule_inspect.inference.records import csv_line, guard_text, whole_lines


@dataclass(frozen=True)
class PictureDigests:
    """A picture and its results; the names are the columns of the file.

    All digests are SHA-256 in hexadecimal digits.

    Attributes:
        path: The path of the picture, as in its rows.
        picture_sha256: Of the picture's file; empty if it could not be read.
        rows_sha256: Of its rows, as they stand in predictions.csv.
        overlay: The overlay's file, relative to the results folder; empty without one.
        overlay_sha256: Of this file; empty without one.
        mask: The mask's file, likewise.
        mask_sha256: Of this file; empty without one.
    """

    path: str
    picture_sha256: str
    rows_sha256: str
    overlay: str
    overlay_sha256: str
    mask: str
    mask_sha256: str

    @property
    def files(self) -> dict[str, str]:
        """The digests of overlay and mask by their names."""
        named = ((self.overlay, self.overlay_sha256), (self.mask, self.mask_sha256))
        return {name: digest for name, digest in named if name}


COLUMNS = (*(each.name for each in fields(PictureDigests)), "chain")
HEADER = csv_line(COLUMNS)


def sha256(data: bytes) -> str:
    """Returns the SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def link(before: str, digests: PictureDigests) -> str:
    """Returns the digest at the end of a line.

    Args:
        before: That of the line before; empty for the first line.
        digests: The rest of the line.
    """
    return sha256(before.encode() + csv_line(_cells(digests)))


def _cells(digests: PictureDigests) -> tuple[str, ...]:
    return tuple(map(guard_text, astuple(digests)))


@dataclass(frozen=True)
class Chain:
    """A `digests.csv` that was read back.

    Attributes:
        pictures: The digests of each picture, up to the first break.
        ends: Before the first picture an empty text, then the digest at the end of each line.
        sizes: The byte at which the header ends, and each line.
        later: The digests on sound lines after a break.
        breaks: The numbers of the lines at which the chain breaks, from 1.
    """

    pictures: tuple[PictureDigests, ...]
    ends: tuple[str, ...]
    sizes: tuple[int, ...]
    later: tuple[PictureDigests, ...] = ()
    breaks: tuple[int, ...] = ()


def read_chain(path: Path) -> Chain:
    """Reads a `digests.csv`; one that is missing is like one whose first line is damaged.

    Raises:
        OSError: The file cannot be read.
    """
    data = path.read_bytes() if path.exists() else b""
    pictures, ends, sizes = [], [""], [len(HEADER)]
    later, breaks = [], [] if data.startswith(HEADER) else [1]
    before, number, start = "", 1, data.find(b"\n") + 1
    end = start
    for begin, end in whole_lines(data, start):
        number += 1
        read = read_line(data[begin:end])
        if read is None:
            breaks.append(number)
            continue
        digests, chain = read
        if chain != link(before, digests):
            breaks.append(number)
        elif breaks:
            later.append(digests)
        else:
            pictures.append(digests)
            ends.append(chain)
            sizes.append(end)
        before = chain
    if end != len(data):
        breaks.append(number + 1)
    return Chain(tuple(pictures), tuple(ends), tuple(sizes), tuple(later), tuple(breaks))


def read_line(line: bytes) -> tuple[PictureDigests, str] | None:
    """Returns the digests on a line, and the one at its end; None if it is no such line."""
    with suppress(ValueError, csv.Error):  # a power cut can leave zeros at the end
        (cells,) = csv.reader([line.decode()], strict=True)
        if len(cells) == len(COLUMNS) and csv_line(cells) == line:
            return PictureDigests(*(cell.removeprefix("'") for cell in cells[:-1])), cells[-1]
    return None


class DigestWriter(GrowingFile):
    """Writes `digests.csv` line by line.

    Args:
        path: The file.
        before: The chain of an earlier run.
        keep: How many of its pictures to keep, up to the first break; 0 replaces the file.

    Attributes:
        end: The digest at the end of the last line.
        count: The number of lines.

    Raises:
        UsageError: The file cannot be written; also raised by `write` and at the end.
    """

    def __init__(self, path: Path, before: Chain, keep: int) -> None:
        super().__init__(path, HEADER, before.sizes[keep] if keep else 0)
        self.end, self.count = before.ends[keep], keep

    def __enter__(self) -> "DigestWriter":
        return self

    def write(self, digests: PictureDigests) -> None:
        """Appends the line of one picture.

        Raises:
            UsageError: The file cannot be written.
        """
        self.end = link(self.end, digests)
        self.count += 1
        self.append(csv_line((*_cells(digests), self.end)))
