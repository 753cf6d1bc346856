"""Verifying a results folder: whether it is whole, and as its run left it."""

import csv
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from capsule_inspect.errors import PictureError, UsageError
from capsule_inspect.files import hash_file
from capsule_inspect.imaging.picture import MAX_PIXELS, read_picture_file
from capsule_inspect.inference.addresses import refuse_address
from capsule_inspect.inference.annotations.listed import (
    about_link,
    compare_listed,
    files_in,
    find_link,
    hash_in_pieces,
)
from capsule_inspect.inference.digests import Chain, PictureDigests, read_chain, sha256
from capsule_inspect.inference.records import csv_line, file_of, record_columns, whole_lines
from capsule_inspect.inference.removed_files import hash_removed, read_removed
from capsule_inspect.inference.results_folder import (
    ANNOTATIONS,
    PICTURE_FOLDERS,
    ROWS,
    ResultsFolder,
)
from capsule_inspect.inference.seal import DIGESTS, Seal, sealed
from capsule_inspect.text import counted


@dataclass(frozen=True)
class Verification:
    """What was found out about a results folder.

    Attributes:
        folder: The folder.
        pictures: The number of pictures with sound digests.
        seal: The digest that covers the whole run; empty without one.
        problems: A sentence for each thing that is not as the run left it; empty if all is.
        unread_inputs: The number of pictures that cannot be read at their path, and so were not
            compared; 0 if the pictures were not asked for.
    """

    folder: Path
    pictures: int
    seal: str
    problems: tuple[str, ...]
    unread_inputs: int = 0


def verify_results(path: Path, model_sha256: str = "", inputs: bool = False) -> Verification:
    """Compares a results folder with its digests.

    Args:
        path: The folder.
        model_sha256: SHA-256 of the flatbuffer of the model that it is said to come from; empty to
            compare no model.
        inputs: Whether to compare the inspected pictures, too.

    Raises:
        UsageError: It is no results folder of `predict`, its run has not finished, or a file cannot
            be read.
    """
    folder = ResultsFolder(path)
    try:
        if not folder.run_file.exists() and not folder.digests.exists():
            refuse_address(path)
            raise UsageError(
                f"'{path}' is no results folder of predict: it has no run.json. Name the folder "
                "that predict -o wrote."
            )
        run = folder.run_file.read_bytes() if folder.run_file.is_file() else None
        if folder.is_of_a_run() and DIGESTS not in folder.read_run():
            raise UsageError(
                f"The run in '{path}' has no seal: it has not finished, an earlier version made "
                "it, or someone removed the seal from run.json. To finish it, repeat its command "
                "with --resume."
            )
        return _verify(folder, run, model_sha256, inputs)
    except OSError as error:
        raise UsageError(f"'{error.filename or path}' cannot be read: {error.strerror}.") from error


def _verify(
    folder: ResultsFolder, run: bytes | None, model_sha256: str, inputs: bool
) -> Verification:
    seal = folder.read_seal()
    chain = read_chain(folder.digests) if folder.digests.is_file() else None
    known = (*chain.pictures, *chain.later) if chain else ()
    all_known = chain is not None and not chain.breaks
    problems = (
        *_check_run(folder, run, seal, model_sha256),
        *_check_chain(chain, seal),
        *_check_rows(folder, known, all_known),
        *_check_files(folder, known, all_known),
        *_check_removed(folder, seal),
        *_check_annotations(folder, seal),
        *_check_parquet(folder, seal),
        *_check_report(folder, seal),
    )
    changed, unread = _compare_inputs(known) if inputs else ((), 0)
    return Verification(
        folder=folder.path,
        pictures=len(known),
        seal=seal.run if seal else "",
        problems=(*problems, *changed),
        unread_inputs=unread,
    )


def _check_run(
    folder: ResultsFolder, run: bytes | None, seal: Seal | None, model_sha256: str
) -> Iterator[str]:
    if run is None:
        yield "run.json was removed."
        return
    settings = folder.read_run()
    if seal is None or sealed(settings, seal) != run:
        yield "run.json was edited."
    made_by = settings.get("model")
    if model_sha256 and made_by and made_by != model_sha256:
        yield (
            f"The run says that another model made it: the digest of its network is {made_by}, not "
            f"{model_sha256}."
        )


def _check_chain(chain: Chain | None, seal: Seal | None) -> Iterator[str]:
    if chain is None:
        yield "digests.csv was removed."
        return
    for line in chain.breaks:
        if line == 1:
            yield "The first line of digests.csv was edited."
        else:
            yield (
                f"digests.csv was edited at line {line}: a line was changed, moved, added or "
                "removed, so what it covers cannot be verified."
            )
    count, end = len(chain.pictures), chain.ends[-1]
    if seal is None or chain.breaks:
        return
    if seal.pictures != count:
        yield (
            f"digests.csv ends with {counted(count, 'picture')}, but run.json seals "
            f"{seal.pictures}: lines were removed from its end or added there."
        )
    elif seal.chain != end:
        yield "digests.csv was made anew: run.json seals other digests."


def _check_rows(
    folder: ResultsFolder, pictures: Sequence[PictureDigests], all_known: bool
) -> Iterator[str]:
    if not folder.records.is_file():
        yield "predictions.csv was removed."
        return
    data = folder.records.read_bytes()
    start = data.find(b"\n") + 1
    classes = folder.read_run().get("classes")
    if isinstance(classes, list) and data[:start] != csv_line(record_columns(classes)):
        yield "The first line of predictions.csv was edited."
    numbered = list(_numbered(each.path for each in pictures))
    repeated = {path for path, number in numbered if number}
    groups = list(_rows_by_picture(data, start, repeated))
    known = dict(zip(numbered, (each.rows_sha256 for each in pictures), strict=True))
    order = list(_numbered(path for path, _ in groups))
    found = dict(zip(order, (rows for _, rows in groups), strict=True))
    end = start + sum(len(rows) for _, rows in groups)
    if end != len(data):
        line = data.count(b"\n", 0, end) + 1
        yield f"predictions.csv was edited at line {line}: from there on it cannot be read."
    for picture, digest in known.items():
        if picture not in found:
            if end == len(data):
                yield f"The rows of '{picture[0]}' were removed from predictions.csv."
        elif sha256(found[picture]) != digest:
            yield f"The rows of '{picture[0]}' in predictions.csv were edited."
    if all_known:
        yield from _about_strangers(groups, {path for path, _ in known})
    yield from _about_order(order, known, found)


_Numbered = tuple[str, int]
"""The path of a picture, and how many pictures of the same path come before: `watch` inspects a
file again that replaced another one."""


def _numbered(paths: Iterable[str]) -> Iterator[_Numbered]:
    times: Counter[str] = Counter()
    for path in paths:
        yield path, times[path]
        times[path] += 1


def _about_strangers(groups: Sequence[tuple[str, bytes]], known: Collection[str]) -> Iterator[str]:
    for path, _ in groups:
        if not path:
            yield "Lines without a path were added to predictions.csv."
        elif path not in known:
            yield f"Rows of '{path}' were added to predictions.csv."


def _about_order(
    order: Sequence[_Numbered],
    known: Collection[_Numbered],
    found: Collection[_Numbered],
) -> Iterator[str]:
    paths = {path for path, _ in known}
    order = [picture for picture in order if picture[0] in paths]
    wanted = [picture for picture in known if picture in found]
    if order == wanted:
        return
    pairs = zip_longest(order, wanted)
    moved = next(is_ for is_, should in pairs if is_ != should and is_ is not None)
    yield f"Rows of predictions.csv were moved or repeated, first those of '{moved[0]}'."


def _rows_by_picture(
    data: bytes, start: int, repeated: Collection[str]
) -> Iterator[tuple[str, bytes]]:
    """Yields the path of each picture, and its rows as they stand in the file.

    Args:
        data: The content of the file.
        start: Where the rows begin.
        repeated: The paths that several pictures have; capsule 0, or none, begins each of them.
    """
    path, begin, end = None, start, start
    for first, last in whole_lines(data, start):
        own, capsule = _first_cells(data[first:last])
        is_next = own != path or (own in repeated and capsule in {"", "0"})
        if path is not None and is_next:
            yield path, data[begin:end]
            begin = first
        path, end = own, last
    if path is not None:
        yield path, data[begin:end]


def _first_cells(line: bytes) -> tuple[str, str]:
    """Returns the path and the capsule of a row; empty where there are none."""
    with suppress(csv.Error, StopIteration):
        path, capsule, *_ = *next(csv.reader([line.decode("utf-8", "replace")])), "", ""
        return path.removeprefix("'"), capsule
    return "", ""


def _check_files(
    folder: ResultsFolder, pictures: Sequence[PictureDigests], all_known: bool
) -> Iterator[str]:
    known = {name: digest for each in pictures for name, digest in each.files.items()}
    removed = frozenset(read_removed(folder.path))
    links: dict[str, None] = {}
    for name, digest in known.items():
        file = folder.path / name
        if link := find_link(folder.path, name):
            links[link] = None
        elif not os.path.isfile(file):  # noqa: PTH113  (Path.is_file raises for a name too long)
            if name not in removed:
                yield f"'{name}' was removed."
        elif hash_file(file) != digest:
            yield f"'{name}' was edited."
    yield from (about_link(link) for link in links)
    if not all_known:
        return
    for place in PICTURE_FOLDERS:
        for name in files_in(folder.path, place):
            if name not in known and name not in links:
                yield f"'{name}' was added."


def _check_removed(folder: ResultsFolder, seal: Seal | None) -> Iterator[str]:
    if seal is not None and hash_removed(folder.path) != seal.removed:
        name = folder.removed.name
        yield f"{name} was edited, so the files that it names may have been removed by anybody."


def _check_annotations(folder: ResultsFolder, seal: Seal | None) -> Iterator[str]:
    if seal is not None and seal.annotations:
        yield from _check_listed(folder, seal.annotations, folder.annotation_digests, ANNOTATIONS)
    elif seal is not None:
        lists = (folder.annotation_lines, folder.annotation_digests)
        yield from _about_added(folder, lists, ANNOTATIONS)


def _check_parquet(folder: ResultsFolder, seal: Seal | None) -> Iterator[str]:
    if seal is not None and seal.rows:
        yield from _check_listed(folder, seal.rows, folder.row_digests, ROWS)
    elif seal is not None:
        yield from _about_added(folder, (folder.row_digests,), ROWS)


def _about_added(folder: ResultsFolder, lists: Iterable[Path], within: str) -> Iterator[str]:
    """Yields a sentence for each file of a kind that the run did not write at all."""
    names = [file.name for file in lists if os.path.lexists(file)]
    for name in (*names, *files_in(folder.path, within)):
        yield f"'{name}' was added."


def _check_listed(
    folder: ResultsFolder, sealed_list: str, digests: Path, within: str
) -> Iterator[str]:
    what = "annotations" if within == ANNOTATIONS else "rows as Parquet"
    if not digests.is_file():
        yield f"{digests.name} was removed, so the {what} cannot be verified."
    elif hash_in_pieces(digests) != sealed_list:
        yield f"{digests.name} was edited, so the {what} cannot be verified."
    else:
        yield from compare_listed(folder.path, digests, within)


def _check_report(folder: ResultsFolder, seal: Seal | None) -> Iterator[str]:
    if seal is None:
        return
    if not folder.report.is_file():
        if seal.report:
            yield "report.html was removed."
    elif not seal.report:
        yield "report.html was added."
    elif hash_file(folder.report) != seal.report:
        yield "report.html was edited."


def _compare_inputs(pictures: Sequence[PictureDigests]) -> tuple[tuple[str, ...], int]:
    """Returns the problems of the inspected pictures, and how many cannot be read."""
    changed, unread = [], 0
    for each in pictures:
        if not each.picture_sha256:
            continue  # it could not be read when it was inspected
        try:
            data = read_picture_file(file_of(each.path), MAX_PIXELS)
        except PictureError:
            unread += 1
            continue
        if sha256(data) != each.picture_sha256:
            changed.append(f"'{each.path}' is another picture than the one that was inspected.")
    return tuple(changed), unread
