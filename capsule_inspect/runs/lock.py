"""The lock of a run folder: one process at a time trains in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.run_folder import LOCK


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Holds the lock of a run folder; the operating system releases it if the process dies.

    Raises:
        UsageError: Another process holds it.
    """
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"Another process is training in '{folder}'. Wait until it is done, or stop it first."
        ) from None
    try:
        yield
    finally:
        lock.release()
