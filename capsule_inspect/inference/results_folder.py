"""The folder that a batch writes to: one run's alone, whole at every instant."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from filelock import FileLock, Timeout

from capsule_inspect.errors import UsageError
from capsule_inspect.replacing import UNFINISHED, replace_bytes

OnExisting: TypeAlias = Literal["refuse", "resume", "overwrite"]
"""What to do with a results folder that holds something already."""

RunSettings: TypeAlias = Mapping[str, object]
"""All that decides the results of a run, as JSON can hold it: it can be resumed with the same."""

_PICTURES = ("overlays", "masks")
_LOCK = ".lock"
_MADE_BY = "capsule-inspect predict"


@dataclass(frozen=True)
class ResultsFolder:
    """The files of a batch.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def records(self) -> Path:
        """One row per capsule, and one for every file that gave none."""
        return self.path / "predictions.csv"

    @property
    def settings(self) -> Path:
        """What the run was made with; written first."""
        return self.path / "run.json"

    @property
    def report(self) -> Path:
        """The page for people, if one was asked for."""
        return self.path / "report.html"

    def write(self, name: str, data: bytes) -> None:
        """Writes a file so that it is never seen half done.

        After a power cut it can be empty, which `holds` tells; to wait for the disk with each file
        would let a busy one stop the batch for seconds.

        Args:
            name: Relative to the folder, POSIX.
            data: The content.

        Raises:
            UsageError: The folder cannot be written.
        """
        file = self.path / name
        with sentences_for(self.path):
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(file, data)

    def holds(self, name: str) -> bool:
        """Tells whether a file that `write` was given is there in full."""
        try:
            return (self.path / name).stat().st_size > 0
        except OSError:
            return False


def is_result(file: Path) -> bool:
    """Tells whether a file, however spelled, lies where some run keeps its overlays or masks."""
    folders = (
        folder
        for spell in (os.path.abspath, os.path.realpath)
        for folder in Path(spell(file)).parents
    )
    return any(
        folder.name in _PICTURES and _is_of_a_run(ResultsFolder(folder.parent))
        for folder in folders
    )


def check_results(folder: ResultsFolder, on_existing: OnExisting) -> None:
    """Makes sure that a results folder can be used as asked, before any work is done.

    Raises:
        UsageError: It is not a folder, or what it holds is not to be used.
    """
    out = folder.path
    with sentences_for(out):
        if os.path.lexists(out) and not out.is_dir():
            raise UsageError(f"The output '{out}' is not a folder. Name another with -o.")
        if not out.is_dir() or all(_is_ours_and_empty(entry.name) for entry in out.iterdir()):
            return
    if not _is_of_a_run(folder):
        hint = " No run.json says that this command made it." if on_existing != "refuse" else ""
        raise UsageError(
            f"The output folder '{out}' is not empty.{hint} Name another with -o, or remove it."
        )
    if on_existing == "refuse":
        raise UsageError(
            f"The output folder '{out}' is not empty. Go on with its run by --resume, start it "
            "again with --overwrite, or name another folder with -o."
        )


@contextmanager
def open_results(
    folder: ResultsFolder, run: RunSettings, on_existing: OnExisting = "refuse"
) -> Iterator[None]:
    """Has a results folder for this process alone, ready to be written.

    With `resume`, what an earlier run finished stays, but for its report; with `overwrite` its
    rows, settings and report and the folders `overlays` and `masks` are removed, and nothing else.

    Args:
        folder: The folder; made if need be.
        run: What the run is made with.
        on_existing: What to do with a folder that holds something already.

    Raises:
        UsageError: As for `check_results`; another run uses the folder; a run to be resumed was
            made with other settings.
    """
    check_results(folder, on_existing)
    with sentences_for(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.path / _LOCK, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(
                f"Another run writes to '{folder.path}' now. Wait for it, or name another folder "
                "with -o."
            ) from None
    try:
        with sentences_for(folder.path):
            made = {"made_by": _MADE_BY, **run}
            _make_ready(folder, json.loads(json.dumps(made)), on_existing)
        yield
    finally:
        lock.release()


@contextmanager
def sentences_for(out: Path) -> Iterator[None]:
    """Turns errors of writing into sentences."""
    try:
        yield
    except OSError as error:
        where, reason = error.filename or out, error.strerror or error
        raise UsageError(
            f"'{where}' cannot be written: {reason}. Make room and go on with --resume, or name "
            "another folder with -o; rows written so far are whole."
        ) from error


def _make_ready(folder: ResultsFolder, run: RunSettings, on_existing: OnExisting) -> None:
    check_results(folder, on_existing)  # once more: another run may have come before the lock
    _remove_unfinished(folder)
    folder.report.unlink(missing_ok=True)  # or it could be of other rows
    if folder.settings.exists():
        if on_existing == "resume":
            _require_same(folder, run)
            return
        folder.records.unlink(missing_ok=True)
        for name in _PICTURES:
            if os.path.lexists(folder.path / name):
                shutil.rmtree(folder.path / name)
    folder.write(folder.settings.name, f"{json.dumps(run, indent=2)}\n".encode())


def _require_same(folder: ResultsFolder, run: RunSettings) -> None:
    before = _read_settings(folder)
    changed = [key for key in {**before, **run} if before.get(key) != run.get(key)]
    if changed:
        said = ", ".join(f"{key} was {before.get(key)}, now {run.get(key)}" for key in changed)
        raise UsageError(
            f"The run in '{folder.path}' was made otherwise ({said}). Resume it with the same, or "
            "start it again with --overwrite."
        )


def _is_of_a_run(folder: ResultsFolder) -> bool:
    return _read_settings(folder).get("made_by") == _MADE_BY


def _read_settings(folder: ResultsFolder) -> dict[str, object]:
    """Returns what a run was made with; nothing if that cannot be known."""
    try:
        settings = json.loads(folder.settings.read_bytes())
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _is_ours_and_empty(name: str) -> bool:
    """Tells whether a file is one that a run leaves before it has begun to write results."""
    return name == _LOCK or name.startswith(UNFINISHED)


def _remove_unfinished(folder: ResultsFolder) -> None:
    for pattern in ("", *(f"{name}/**/" for name in _PICTURES)):
        for file in folder.path.glob(f"{pattern}{UNFINISHED}*"):
            file.unlink()
