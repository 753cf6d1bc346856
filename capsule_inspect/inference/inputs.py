"""Inputs: a picture that can be read, and the files, folders, patterns and lists that name some."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath, PurePosixPath
from typing import Protocol

from capsule_inspect.choices import PICTURE_EXTENSIONS, PICTURE_FORMATS
from capsule_inspect.errors import PictureError, UsageError
from capsule_inspect.imaging.picture import read_picture_file
from capsule_inspect.inference.addresses import is_remote
from capsule_inspect.inference.input_lists import is_list, read_list
from capsule_inspect.inference.mask_trees import split_masks
from capsule_inspect.inference.patterns import is_pattern, match_pattern
from capsule_inspect.inference.remote_inputs import RemotePicture, find_remote
from capsule_inspect.inference.result_names import fold_name, mark_name, safe_name
from capsule_inspect.inference.results_folder import PICTURE_FOLDERS, ResultsFolder
from capsule_inspect.inference.walk import Walked, is_picture, say_what_is_left_out, walk
from capsule_inspect.text import printable, suggest_path


class InputPicture(Protocol):
    """One picture to inspect, wherever it comes from.

    A new kind of input is a class with these three members. `predict` takes such objects beside
    paths.
    """

    @property
    def path(self) -> str:
        """The text of the column `path`, spelled by `printable`; also its name in messages."""

    @property
    def name(self) -> str:
        """The name of its results: POSIX, relative, without `..`, and different within a run.

        `safe_name` makes one.
        """

    def read(self, max_pixels: int) -> bytes:
        """Returns the content of the picture file.

        Args:
            max_pixels: The most pixels to decode later; content too long for them can be refused.

        Raises:
            PictureError: It cannot be read; the row of the picture says why.
        """


@dataclass(frozen=True)
class PictureFile:
    """A picture file on a disk.

    Attributes:
        file: The file as found: the given input, joined with the path from there.
        name: The name of its results: the path from the given input, made safe.
        folder: Where a relative path begins.
    """

    file: Path
    name: str
    folder: Path = Path()

    @property
    def path(self) -> str:
        """The path of the file, as text that can be written."""
        return printable(str(self.file))

    def read(self, max_pixels: int) -> bytes:
        """Reads the file, as `read_picture_file` does."""
        return read_picture_file(self.file, max_pixels, self.folder)


@dataclass(frozen=True)
class _Renamed:
    """An input whose results have another name."""

    picture: InputPicture
    name: str

    @property
    def path(self) -> str:
        return self.picture.path

    def read(self, max_pixels: int) -> bytes:
        return self.picture.read(max_pixels)

    @property
    def size(self) -> int | None:
        """Its length in bytes; None if not known."""
        return getattr(self.picture, "size", None)


def is_elsewhere(picture: InputPicture) -> bool:
    """Tells whether a picture is read over a network."""
    own = picture.picture if isinstance(picture, _Renamed) else picture
    return isinstance(own, RemotePicture)


@dataclass(frozen=True)
class _ClosedFolder:
    """A folder that cannot be listed: a row says so, and the other pictures are inspected."""

    folder: Path
    name: str
    reason: str

    @property
    def path(self) -> str:
        return printable(str(self.folder))

    def read(self, max_pixels: int) -> bytes:
        del max_pixels
        raise PictureError(f"The folder '{self.path}' cannot be listed: {self.reason}.")


def begin_in(picture: InputPicture, folder: Path) -> InputPicture:
    """Returns an input that another process can read, wherever that one runs.

    Args:
        picture: An input. Only files on a disk change.
        folder: Where relative paths begin.
    """
    if isinstance(picture, _Renamed):
        return replace(picture, picture=begin_in(picture.picture, folder))
    return replace(picture, folder=folder) if isinstance(picture, PictureFile) else picture


def expand_inputs(
    inputs: Sequence[str | InputPicture],
    recursive: bool = False,
    leave_out: Callable[[Path], bool] = lambda _: False,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[InputPicture, ...]:
    """Finds the pictures that inputs name.

    A folder names its files with a picture extension, except hidden ones; a pattern such as
    `'line-*/**/*.png'` names those of them that it matches. It leaves out what folders do, but for
    folders that it names in full. `@LIST` names one input in each line of a file, and `-` in each
    line of stdin. An address such as `s3://bucket/line-3/` does so for pictures elsewhere. Any
    other input names itself, even if it does not exist: reading it says so.

    Args:
        inputs: Files, folders, patterns and lists; and pictures of other kinds, which stay as they
            are.
        recursive: Whether to look into subfolders.
        leave_out: Tells which files of folders and patterns to leave out.
        say: Told in a sentence what else is left out: masks, and files that systems keep for
            themselves.

    Returns:
        Each picture once, sorted by `path`. A folder that links lead to is one folder, and has its
        own name if that is found, too; a link to a file is a file of its own.

    Raises:
        UsageError: There are no inputs, none of them exists, a folder or pattern names no picture,
            or a list cannot be read.
    """
    if not inputs:
        raise UsageError("Nothing to inspect: give picture files, folders or patterns.")
    found: dict[str, InputPicture] = {}
    real_folder = cache(_real_folder)
    for picture in _expand_all(inputs, recursive, leave_out, say):
        identity, is_own_name = _identity(picture, real_folder)
        if is_own_name or identity not in found:
            found[identity] = picture
    if not found:
        raise UsageError("There is nothing to inspect but the run's own overlays and masks.")
    files = [picture.file for picture in found.values() if isinstance(picture, PictureFile)]
    if len(files) == len(found) and all(map(_is_missing, files)):
        raise _nothing_there(files)
    return tuple(_name_apart(sorted(found.values(), key=lambda picture: picture.path)))


def _expand_all(
    inputs: Sequence[str | InputPicture],
    recursive: bool,
    leave_out: Callable[[Path], bool],
    say: Callable[[str], None],
) -> Iterator[InputPicture]:
    for each in inputs:
        if not isinstance(each, str):
            yield each
            continue
        for text in read_list(each, say) if is_list(each) else (each,):
            yield from _expand(text, recursive, leave_out, say)


def _identity(picture: InputPicture, real_folder: Callable[[str], str]) -> tuple[str, bool]:
    """Returns what tells a picture from others, and whether its path is spelled without links.

    That is the name of a file in its real folder; a link to a file stays a file of its own.
    """
    if not isinstance(picture, PictureFile):
        return f"{type(picture).__qualname__}: {picture.path}", True
    folder, name = os.path.split(os.path.abspath(picture.file))  # noqa: PTH100  (resolve() follows links)
    real = real_folder(folder)
    return os.path.join(real, name), real == folder  # noqa: PTH118


def _real_folder(folder: str) -> str:
    """Returns a folder without links; a name that no file system can have stays as it is."""
    try:
        return os.path.realpath(folder)
    except UnicodeEncodeError:
        return folder


def _is_missing(file: Path) -> bool:
    """Tells whether nothing lies there; in a folder that may not be entered, nobody knows."""
    try:
        file.lstat()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True
    return False


def _nothing_there(paths: Sequence[Path]) -> UsageError:
    """Returns the error for inputs of which none exists; it names the first few."""
    named = ", ".join(f"'{path}'" for path in paths[:3])
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    verb = "does" if len(paths) == 1 else "do"
    hint = suggest_path(paths[0]) or " Check the path."
    return UsageError(f"There is nothing to inspect: {named}{more} {verb} not exist.{hint}")


def _expand(
    text: str, recursive: bool, leave_out: Callable[[Path], bool], say: Callable[[str], None]
) -> Iterator[InputPicture]:
    if not text:
        raise UsageError("One of the inputs is empty. Check the variable that should hold it.")
    path = Path(text)
    if is_remote(text):
        yield from find_remote(text, recursive, say)
    elif os.path.isdir(path):  # noqa: PTH112  (Path's raises for names that are too long)
        yield from _in_folder(path, recursive, leave_out, say)
    elif not os.path.lexists(path) and is_pattern(text):
        yield from _matching(text, leave_out, say)
    elif "\0" in text:
        named = text.replace("\0", r"\0")
        raise UsageError(f"'{named}' does not exist: no name can hold a null character.")
    else:
        yield PictureFile(path, safe_name(PurePath(path.name)))


def _in_folder(
    folder: Path, recursive: bool, leave_out: Callable[[Path], bool], say: Callable[[str], None]
) -> Iterator[InputPicture]:
    walked = walk(folder, recursive)
    files = [file for file in walked.files if is_picture(file)]
    if not files and not walked.closed:
        deeper = not recursive and any(map(is_picture, walk(folder, True).files))
        hint = "only its subfolders do: use -r" if deeper else "check the path"
        known = ", ".join(sorted(PICTURE_EXTENSIONS))
        raise UsageError(f"The folder '{folder}' holds no picture ({known}); {hint}.")
    pictures, masks = split_masks(folder, files)
    kept = [file.relative_to(folder) for file in walked.kept_by_systems]
    say_what_is_left_out(folder, [mask.relative_to(folder) for mask in masks], kept, say)
    yield from _found(folder, pictures, walked, leave_out)


def _matching(
    pattern: str, leave_out: Callable[[Path], bool], say: Callable[[str], None]
) -> Iterator[InputPicture]:
    if "\0" in pattern:
        raise UsageError(f"The pattern {pattern!r} cannot be used: it holds a null character.")
    matched = match_pattern(pattern)
    walked = matched.walked
    # Masks are known by their pictures, whether or not the pattern matches those as well.
    pictures, masks = split_masks(matched.folder, filter(is_picture, walked.files))
    pictures = [file for file in pictures if file in matched.matching]
    masks = [file.relative_to(matched.folder) for file in masks if file in matched.matching]
    kept = [
        file.relative_to(matched.folder)
        for file in walked.kept_by_systems
        if file in matched.matching
    ]
    say_what_is_left_out(matched.folder, masks, kept, say)
    if not pictures and not walked.closed:
        others = "no picture but those left out" if [*masks, *filter(is_picture, kept)] else ""
        raise UsageError(
            f"The pattern '{pattern}' matches {others or 'no picture'}. Check it, and its quotes."
        )
    yield from _found(matched.folder, pictures, walked, leave_out)


def _found(
    folder: Path, pictures: Iterable[Path], walked: Walked, leave_out: Callable[[Path], bool]
) -> Iterator[InputPicture]:
    for file in pictures:
        if not leave_out(file):
            yield PictureFile(file, safe_name(file.relative_to(folder)))
    for closed, reason in walked.closed:
        yield _ClosedFolder(closed, safe_name(closed.relative_to(folder)), reason)


def _name_apart(pictures: Iterable[InputPicture]) -> Iterator[InputPicture]:
    """Renames pictures of different inputs whose results would have the same name.

    Results add an extension to the name, so `a.png` clashes with `a.png.png/b.png` too. Masks are
    named like overlays in PNG, so they need no check. Some file systems fold case and accents, so
    `A.png` clashes with `a.png`.
    """
    pictures = tuple(pictures)
    names = [fold_name(picture.name) for picture in pictures]
    count = Counter(names)
    folders = {
        str(folder)
        for name in count
        for folder in PurePosixPath(ResultsFolder.overlay_name(name, "png")).parents
    }
    for picture, name in zip(pictures, names, strict=True):
        results = {ResultsFolder.overlay_name(name, each) for each in PICTURE_FORMATS}
        if count[name] > 1 or results & folders:
            yield _Renamed(picture, mark_name(picture.name, picture.path))
        else:
            yield picture


def is_result(file: Path) -> bool:
    """Tells whether a file is an overlay or a mask of some run, however its path is spelled."""
    folders = (
        folder
        for spell in (os.path.abspath, os.path.realpath)
        for folder in Path(spell(file)).parents
    )
    return any(
        folder.name in PICTURE_FOLDERS and ResultsFolder(folder.parent).is_of_a_run()
        for folder in folders
    )
