"""A lock on a folder: one process at a time works in it."""

import errno
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from filelock import FileLock

LOCK: Final = ".lock"
"""The name of the locked file."""

_HAS_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"""What network and user-space file systems answer that were mounted without locks."""


class HeldError(Exception):
    """Another process holds the lock."""


class FolderLock:
    """The lock of a folder, as a context manager; the system releases it if the process dies.

    Where the file system has no locks, work goes on without.

    Args:
        folder: The folder; it exists when the lock is taken.
        wait: Whether to wait for another process, rather than to raise `HeldError`.
        warn: Called with a sentence for a person if the file system has no locks.
    """

    def __init__(
        self, folder: Path, wait: bool = False, warn: Callable[[str], None] = lambda _: None
    ) -> None:
        self._folder, self._wait, self._warn = folder, wait, warn
        self._lock: FileLock | None = None

    def acquire(self) -> None:
        """Takes the lock, unless this object holds it already.

        Raises:
            HeldError: Another process holds it.
            OSError: The folder cannot be written.
        """
        if self._lock is not None:
            return
        from filelock import FileLock, Timeout  # a list of runs does without

        lock = FileLock(self._folder / LOCK, blocking=self._wait)
        try:
            with warnings.catch_warnings():
                # filelock would go on with files that outlive a process.
                warnings.simplefilter("error", UserWarning)
                lock.acquire()
        except Timeout:
            raise HeldError from None
        except (OSError, UserWarning) as error:
            if isinstance(error, OSError) and error.errno not in _HAS_NO_LOCKS:
                raise
            self._warn(
                f"The file system of '{self._folder}' has no locks. Make sure that no other "
                "process writes to that folder."
            )
            return
        self._lock = lock

    def release(self) -> None:
        """Releases the lock if it is held."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> "FolderLock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
