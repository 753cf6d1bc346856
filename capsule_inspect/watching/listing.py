"""What lies in the watched folder. The listing is the truth; events only say when to look."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from capsule_inspect.choices import PICTURE_EXTENSIONS, is_system_folder
from capsule_inspect.inference.result_names import safe_name
from capsule_inspect.inference.results_folder import PICTURE_FOLDERS, ResultsFolder


@dataclass(frozen=True)
class Stamp:
    """What tells, without reading it, that a file may have changed.

    Attributes:
        mtime_ns: When it was last written, as the file system says.
        size: Its bytes.
        inode: Its number in the file system.
        device: The number of the file system.
    """

    mtime_ns: int
    size: int
    inode: int = 0
    device: int = 0


@dataclass(frozen=True)
class Listing:
    """What was found in the watched folder.

    Attributes:
        files: The pictures by their path: the folder as given, joined with the way from there.
        folders: The folders that were listed.
        closed: The subfolders that cannot be listed, with the reason.
        identity: What tells the folder from another one of its name: its device and number.
    """

    files: Mapping[str, Stamp]
    folders: tuple[str, ...]
    closed: Mapping[str, str]
    identity: tuple[int, int]


class WatchedFolder:
    """A folder that a camera writes to.

    Hidden files and folders, those that systems keep for themselves, and what has no extension of a
    picture are left out, as `predict` does; so are overlays and masks of results folders.

    Args:
        folder: The folder; it may come and go.
        recursive: Whether its subfolders count.
        leave_out: Folders below it that do not count, such as that of the results.
    """

    def __init__(self, folder: Path, recursive: bool, leave_out: Iterable[Path] = ()) -> None:
        self.path = folder
        self.recursive = recursive
        self._prefix = str(folder / "x")[:-1]  # a folder `.` is not part of a path
        self._left_out = {os.path.realpath(each) for each in leave_out}

    def identity(self) -> tuple[int, int] | None:
        """Returns the device and number of the folder; None if it is not there, or closed."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        can_list = os.access(self.path, os.R_OK | os.X_OK)
        return (status.st_dev, status.st_ino) if can_list else None

    def list(self) -> Listing:
        """Lists the pictures, in one pass.

        Raises:
            OSError: The folder itself cannot be listed.
        """
        files: dict[str, Stamp] = {}
        closed: dict[str, str] = {}
        folders: list[str] = []
        status = self.path.stat()
        seen = {os.path.realpath(self.path)}
        waiting = [self._prefix]
        while waiting:
            prefix = waiting.pop()
            place = prefix or os.curdir
            try:
                subfolders = list(_list_one(place, prefix, files))
            except OSError as error:
                if prefix == self._prefix:
                    raise
                closed[place.rstrip(os.sep)] = error.strerror or "unknown error"
                continue
            folders.append(place)
            if not self.recursive:
                break
            for name in subfolders:
                subfolder = f"{prefix}{name}"
                real = os.path.realpath(subfolder)
                if real not in seen and self._is_ours(place, name, real):
                    seen.add(real)
                    waiting.append(f"{subfolder}{os.sep}")
        return Listing(files, tuple(folders), closed, (status.st_dev, status.st_ino))

    def _is_ours(self, place: str, name: str, real: str) -> bool:
        is_result = name in PICTURE_FOLDERS and ResultsFolder(Path(place)).is_of_a_run()
        return _is_wanted_folder(name) and real not in self._left_out and not is_result

    def wants(self, path: str) -> bool:
        """Tells whether a path, below the folder as given, may be one of a picture that counts."""
        *folders, name = self.relative(path).parts
        return is_wanted(name) and (
            not folders or (self.recursive and all(map(_is_wanted_folder, folders)))
        )

    def relative(self, path: str) -> PurePath:
        """Returns the way from the folder to a path in it."""
        return PurePath(path.removeprefix(self._prefix))

    def name(self, path: str) -> str:
        """Returns the name of the results of a picture, as `predict` makes it."""
        return safe_name(self.relative(path))


def stamp_of(path: str) -> Stamp | None:
    """Returns the stamp of a file; None if it is not there.

    Raises:
        OSError: The system does not tell, such as in a folder that may not be entered.
    """
    try:
        return _stamp(os.stat(path))  # noqa: PTH116  (a Path costs more than the call)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)


def is_wanted(name: str) -> bool:
    """Tells whether a file of this name counts as a picture."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in PICTURE_EXTENSIONS  # noqa: PTH122


def _is_wanted_folder(name: str) -> bool:
    return not name.startswith(".") and not is_system_folder(name)


def _list_one(place: str, prefix: str, files: dict[str, Stamp]) -> Iterator[str]:
    """Adds the pictures of one folder to those found; yields the names of its subfolders."""
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir():
                yield entry.name
            elif is_wanted(entry.name):
                try:
                    files[f"{prefix}{entry.name}"] = _stamp(entry.stat())
                except FileNotFoundError:
                    continue  # it went away just now, or is a link to nothing
                except OSError:
                    files[f"{prefix}{entry.name}"] = Stamp(0, 0)  # reading it says why
