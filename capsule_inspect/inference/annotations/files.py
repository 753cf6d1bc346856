"""Writing the annotations of a run: lines while it goes on, the files of a format at its end."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from capsule_inspect.choices import GOOD, AnnotationFormat
from capsule_inspect.errors import UsageError
from capsule_inspect.files import atomic_write
from capsule_inspect.inference.annotations.formats import (
    FORMATS,
    Findings,
    SizedPicture,
    name_of_file,
)
from capsule_inspect.inference.annotations.lines import read_pictures
from capsule_inspect.inference.annotations.listed import digest_line, hash_in_pieces
from capsule_inspect.inference.growing_file import GrowingFile
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.result_names import fold_name
from capsule_inspect.inference.results_folder import ANNOTATIONS, OpenResults, sentences_for

_TOOLS = {"labelme": "LabelMe", "yolo": "YOLO"}


def refuse_shared_names(pictures: Sequence[InputPicture], kind: AnnotationFormat) -> None:
    """Makes sure that each picture has a file of its own, before any work is done.

    LabelMe and YOLO know a picture by its name without extension.

    Args:
        pictures: All pictures of the run.
        kind: The format.

    Raises:
        UsageError: Two pictures would share a file.
    """
    if kind not in _TOOLS:
        return
    owners: dict[str, str] = {}
    for picture in pictures:
        name = name_of_file(kind, picture.name)
        folded = fold_name(name)
        if folded in owners:
            raise _shared(kind, name, owners[folded], picture.path)
        owners[folded] = picture.path
    for folded, path in owners.items():
        for folder in PurePosixPath(folded).parents:
            if str(folder) in owners:
                raise _shared(kind, str(folder), owners[str(folder)], path)


def _shared(kind: AnnotationFormat, name: str, one: str, other: str) -> UsageError:
    return UsageError(
        f"'{one}' and '{other}' would share the file '{name}': {_TOOLS[kind]} knows a picture by "
        "its name without extension. Rename one, or give --annotations coco or cvat."
    )


def write_annotations(results: OpenResults, kind: AnnotationFormat, classes: Sequence[str]) -> str:
    """Writes the files of a format from the lines of a run that is done.

    Args:
        results: The results folder; it holds the lines and none of these files.
        kind: The format.
        classes: Class names in the model's order, `good` first.

    Returns:
        SHA-256 of the list of their digests, for the seal.

    Raises:
        UsageError: The folder cannot be written.
    """

    def read() -> Iterator[SizedPicture]:
        for picture in read_pictures(results.annotation_lines):
            if picture.size is not None:
                yield SizedPicture(picture, *picture.size)

    defects = [name for name in classes if name != GOOD]
    findings = Findings(results.annotations, defects, read)
    with (
        sentences_for(results.path),
        GrowingFile(results.annotation_digests, b"") as digests,
    ):
        own = results.annotation_lines
        digests.append(digest_line(hash_in_pieces(own), own.name))
        for name, pieces in FORMATS[kind](findings):
            file = results.annotations / name
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, pieces, f"{ANNOTATIONS}/{name}", digests)
    with sentences_for(results.path):
        return hash_in_pieces(results.annotation_digests)


def _write(file: Path, pieces: Iterable[str], name: str, digests: GrowingFile) -> None:
    """Writes a file. Its digest is listed just before it is there, so that no run loses track."""
    with atomic_write(file) as unfinished:
        with unfinished.open("w", encoding="utf-8", newline="") as text:
            text.writelines(pieces)
        digests.append(digest_line(hash_in_pieces(unfinished), name))
