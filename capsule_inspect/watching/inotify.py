"""The events of Linux's kernel. They alone tell when a writer has closed a file, or renamed it."""

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from capsule_inspect.choices import is_system_folder
from capsule_inspect.watching.wake import Post, Wake

# The names and numbers of <sys/inotify.h>.
_MODIFY: Final = 0x2
_ATTRIB: Final = 0x4
_CLOSE_WRITE: Final = 0x8
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_UNMOUNT: Final = 0x2000
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLY_FOLDERS: Final = 0x1000000
_IS_FOLDER: Final = 0x40000000

# Not `_MODIFY`: a slow writer of a large picture would wake the watch thousands of times.
_WANTED: Final = (
    _ATTRIB | _CLOSE_WRITE | _MOVED_TO | _CREATE | _DELETE_SELF | _MOVE_SELF | _ONLY_FOLDERS
)
_ENDED: Final = _DELETE_SELF | _MOVE_SELF | _UNMOUNT | _IGNORED
_HEADER: Final = struct.Struct("iIII")
_ROOM: Final = 1 << 16


class Inotify:
    """Posts the events of a folder, and of its subfolders if asked.

    Args:
        folder: The folder.
        recursive: Whether those of its subfolders count.
        post: Takes the events, in a thread of their own.

    Raises:
        OSError: The folder is not there, or the kernel has no room for more watches.
    """

    def __init__(self, folder: Path, recursive: bool, post: Post) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._recursive, self._post = recursive, post
        self._prefixes: dict[int, str] = {}
        self._events = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._events < 0:
            raise _last_error(str(folder))
        self._wait, self._wake = os.pipe()
        try:
            self._root = self._add(str(folder / "x")[:-1])
            self._add_below(self._prefixes[self._root])
        except OSError:
            self._close_files()
            raise
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the events, and waits until none comes any more."""
        os.write(self._wake, b"x")
        self._thread.join()
        self._close_files()

    def _close_files(self) -> None:
        for each in (self._events, self._wait, self._wake):
            os.close(each)

    def _add(self, prefix: str) -> int:
        place = prefix or os.curdir
        number: int = self._libc.inotify_add_watch(self._events, os.fsencode(place), _WANTED)
        if number < 0:
            raise _last_error(place)
        self._prefixes[number] = prefix
        return number

    def _add_below(self, prefix: str) -> None:
        """Adds the subfolders of a folder; one that went away, or may not be entered, has none."""
        if not self._recursive:
            return
        for root, folders, _ in os.walk(prefix or os.curdir):
            folders[:] = [n for n in folders if not n.startswith(".") and not is_system_folder(n)]
            for name in folders:
                below = os.path.join(root, name, "") if prefix else f"{name}{os.sep}"  # noqa: PTH118
                try:
                    self._add(below)
                except (FileNotFoundError, PermissionError, NotADirectoryError):
                    continue

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._events, self._wait], [], [])
            if self._wait in ready:
                return
            for wake in self._read():
                self._post(wake)
                if wake.is_end:
                    return

    def _read(self) -> Iterator[Wake]:
        data, start = os.read(self._events, _ROOM), 0
        while start < len(data):
            watch, mask, _, length = _HEADER.unpack_from(data, start)
            start += _HEADER.size
            name = os.fsdecode(data[start : start + length].rstrip(b"\0"))
            start += length
            yield from self._answer(watch, mask, name)

    def _answer(self, watch: int, mask: int, name: str) -> Iterator[Wake]:
        prefix = self._prefixes.get(watch)
        if mask & _OVERFLOW:
            yield Wake()
        elif prefix is None:
            return
        elif mask & _ENDED:
            if watch == self._root:
                yield Wake(is_end=True)
            elif mask & _IGNORED:
                del self._prefixes[watch]
        elif mask & _IS_FOLDER:
            if self._recursive and mask & (_CREATE | _MOVED_TO):
                yield from self._enter(f"{prefix}{name}{os.sep}")
        else:
            yield Wake(f"{prefix}{name}", is_whole=bool(mask & (_CLOSE_WRITE | _MOVED_TO)))

    def _enter(self, below: str) -> Iterator[Wake]:
        try:
            self._add(below)
            self._add_below(below)
        except OSError:
            return  # it is gone again, or is listed from time to time without events
        yield Wake()  # what came before the events of the new folder


def _last_error(place: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), place)
