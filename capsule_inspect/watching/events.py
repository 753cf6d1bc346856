"""The system's events for a folder: the kernel's own on Linux, elsewhere those of watchfiles."""

import importlib.util
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from capsule_inspect.watching.inotify import Inotify
from capsule_inspect.watching.wake import Events, Post, Wake

_IS_LINUX: Final = sys.platform == "linux"


def has_events() -> bool:
    """Tells whether events can be had: on Linux from the kernel, elsewhere through watchfiles."""
    return _IS_LINUX or importlib.util.find_spec("watchfiles") is not None


def open_events(folder: Path, recursive: bool, post: Post) -> Events:
    """Begins to post the events of a folder.

    Args:
        folder: The folder.
        recursive: Whether those of its subfolders count.
        post: Takes them, in a thread of its own.

    Raises:
        OSError: The system has no room for more watches, or the folder is not there.
    """
    if _IS_LINUX:
        return Inotify(folder, recursive, post)
    return WatchfilesEvents(folder, recursive, post)


class WatchfilesEvents:
    """Events by watchfiles. They do not tell when a writer is done, so files settle first.

    Args:
        folder: The folder.
        recursive: Whether those of its subfolders count.
        post: Takes the events, in a thread of their own.

    Raises:
        OSError: The folder cannot be watched.
    """

    def __init__(self, folder: Path, recursive: bool, post: Post) -> None:
        folder.stat()
        self._folder, self._recursive, self._post = folder, recursive, post
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        from watchfiles import watch

        # It answers with real paths; rows name files as the folder was given.
        real, given = os.path.realpath(self._folder), str(self._folder / "x")[:-1]
        with suppress(OSError, RuntimeError):
            for changes in watch(
                self._folder,
                watch_filter=None,
                debounce=50,
                step=10,
                stop_event=self._stop,
                rust_timeout=1000,
                recursive=self._recursive,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                for _, path in changes:
                    inner = os.path.relpath(os.path.realpath(path), real)
                    self._post(Wake(f"{given}{inner}"))
        if not self._stop.is_set():
            self._post(Wake(is_end=True))

    def close(self) -> None:
        """Ends the events, and waits until none comes any more."""
        self._stop.set()
        self._thread.join()
