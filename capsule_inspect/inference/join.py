"""Joining the parts of a run: the folder that one run over all pictures writes."""

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from capsule_inspect.choices import DEFAULT_ROWS, RowsFormat
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference.annotations.lines import AnnotationLines
from capsule_inspect.inference.batch import BatchSummary, OnPicture, Tally
from capsule_inspect.inference.digests import (
    DigestWriter,
    PictureDigests,
    read_chain,
    read_line,
    sha256,
)
from capsule_inspect.inference.inspect_picture import InspectedPicture
from capsule_inspect.inference.other_forms import write_other_forms
from capsule_inspect.inference.parquet_rows import refuse_foreign_rows
from capsule_inspect.inference.part_folders import PartFolder
from capsule_inspect.inference.records import Record, RecordWriter, record_columns, whole_lines
from capsule_inspect.inference.results_folder import OpenResults, sentences_for

if TYPE_CHECKING:
    from capsule_inspect.choices import AnnotationFormat

_PIECE: Final = 1 << 16
"""Bytes of a file of a part that are read at a time."""


def join_parts(
    parts: Sequence[PartFolder],
    results: OpenResults,
    *,
    rows: RowsFormat = DEFAULT_ROWS,
    on_picture: OnPicture = lambda _: None,
) -> BatchSummary:
    """Writes the results of all parts into one folder, in the order of the pictures.

    Rows, digests, overlays, masks and annotations are the bytes that one run over all pictures
    writes. Overlays and masks are hard links where the file system has them, else copies. How the
    pictures differ from the training pictures is not told, since medians of parts do not give the
    median of all.

    Args:
        parts: All parts of a run by their numbers, verified.
        results: From `open_results`, with the settings of the run. What it holds is replaced.
        rows: `parquet` to write the rows as Parquet, too.
        on_picture: Called with the rows of each picture as soon as they are written.

    Returns:
        The results of all pictures.

    Raises:
        UsageError: A part has changed since it was verified, or cannot be read; the folder cannot
            be written.
        InterruptedRunError: The user stopped it.
    """
    settings, whole = parts[0].settings, parts[0].part
    results.clear()
    if rows == "parquet":
        refuse_foreign_rows(results)
    lines = AnnotationLines(results.annotation_lines, settings.annotations is not None)
    tally = Tally(None, whole.subject)
    sources = [_read_pictures(part) for part in parts]
    try:
        with (
            RecordWriter(results.records, settings.classes) as writer,
            DigestWriter(results.digests, read_chain(results.digests), 0) as digest_writer,
            lines.open(0) as write_line,
        ):
            for number in range(whole.pictures):
                turn = number % len(parts)
                each = _next_of(parts[turn], sources[turn])
                for name in each.digests.files:
                    _place(parts[turn].folder.path / name, results, name)
                write_line(each.line)  # first: a picture with rows has all the rest
                writer.append(each.rows)
                digest_writer.write(each.digests)
                tally.add(InspectedPicture(each.records))
                on_picture(each.records)
        kind = cast("AnnotationFormat | None", settings.annotations)
        seal = write_other_forms(results, settings.classes, kind, rows, digest_writer)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped after {tally.files} of {whole.pictures} pictures. Join them again with the "
            f"same command and --resume -o '{results.place}'."
        ) from None
    results.seal(seal)
    return tally.summary()


@dataclass(frozen=True)
class _Finished:
    """A picture as its part holds it."""

    digests: PictureDigests
    records: tuple[Record, ...]
    rows: bytes
    line: bytes


def _next_of(part: PartFolder, source: Iterator[_Finished]) -> _Finished:
    try:
        found = next(source, None)
    except (ValueError, csv.Error):
        found = None
    except OSError as error:
        raise UsageError(f"'{error.filename}' cannot be read: {error.strerror}.") from error
    if found is None:
        raise UsageError(
            f"{part} has changed since it was verified. Wait until nobody writes to it, and join "
            "the parts again with --resume."
        )
    return found


def _read_pictures(part: PartFolder) -> Iterator[_Finished]:
    """Yields the pictures of a part, in order.

    Raises:
        OSError: A file cannot be read.
        ValueError: The part has changed.
    """
    folder, settings = part.folder, part.settings
    digests = _lines_of(folder.digests, _csv_lines)
    rows = _lines_of(folder.records, _csv_lines)
    next(digests)
    next(rows)  # both begin with the names of their columns
    columns = record_columns(settings.classes)
    read = ((_read_record(row, columns), row) for row in rows)
    pictures = groupby(read, key=lambda each: each[0].path)
    lines: Iterator[bytes] = repeat(b"")
    if settings.annotations is not None:
        lines = _lines_of(folder.annotation_lines, _text_lines)
    for own, (path, group), line in zip(digests, pictures, lines, strict=False):
        found = read_line(own)
        records, texts = zip(*group, strict=True)
        data = b"".join(texts)
        if found is None or (found[0].path, found[0].rows_sha256) != (path, sha256(data)):
            raise ValueError("its digests are others")
        yield _Finished(found[0], records, data, line)


def _read_record(row: bytes, columns: Sequence[str]) -> Record:
    (cells,) = csv.reader([row.decode()], strict=True)
    return Record.from_row(dict(zip(columns, cells, strict=True)))


_Split: TypeAlias = Callable[[bytes], Iterable[tuple[int, int]]]
"""Tells where each whole line of some bytes starts and ends."""


def _lines_of(file: Path, split: _Split) -> Iterator[bytes]:
    """Yields the lines of a file.

    The file is open only while a piece of it is read: there can be a thousand parts, and a process
    may often open no more than a thousand files.
    """
    place, data = 0, b""
    while True:
        with file.open("rb") as content:
            content.seek(place)
            piece = content.read(_PIECE)
        if not piece:
            return
        place += len(piece)
        data += piece
        end = 0
        for start, end in split(data):
            yield data[start:end]
        data = data[end:]


def _csv_lines(data: bytes) -> Iterator[tuple[int, int]]:
    return whole_lines(data, 0)


def _text_lines(data: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while end := data.find(b"\n", start) + 1:
        yield start, end
        start = end


def _place(source: Path, results: OpenResults, name: str) -> None:
    """Puts a file of a part into the results."""
    target = results.path / name
    with sentences_for(results.path):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source, target)
