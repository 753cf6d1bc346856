"""Having a results folder for one run alone, ready to be written."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from filelock import FileLock, Timeout

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.results_folder import PICTURE_FOLDERS, ResultsFolder
from capsule_inspect.inference.run_settings import RunSettings
from capsule_inspect.inference.sentences_for import sentences_for
from capsule_inspect.replacing import UNFINISHED

OnExisting: TypeAlias = Literal["refuse", "resume", "overwrite"]
"""What to do with a results folder that holds something already."""

_LOCK = ".lock"


def check_results(folder: ResultsFolder, on_existing: OnExisting) -> None:
    """Makes sure that a results folder can be used as asked, before any work is done.

    Args:
        folder: The folder, which need not be there.
        on_existing: What to do with a folder that holds something already.

    Raises:
        UsageError: It is not a folder, or what it holds is not to be used.
    """
    out = folder.path
    with sentences_for(out):
        if os.path.lexists(out) and not out.is_dir():
            raise UsageError(f"The output '{out}' is not a folder. Name another with -o.")
        if not out.is_dir() or all(_is_ours_and_empty(entry.name) for entry in out.iterdir()):
            return
    if not folder.is_of_a_run():
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
    folder: ResultsFolder, settings: RunSettings, on_existing: OnExisting = "refuse"
) -> Iterator[None]:
    """Has a results folder for this process alone, ready to be written.

    With `resume`, what an earlier run finished stays, but for its report; with `overwrite` its
    rows, settings and report and the folders `overlays` and `masks` are removed, and nothing else.

    Args:
        folder: The folder; made if need be.
        settings: What the run is made with.
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
            _make_ready(folder, settings, on_existing)
        yield
    finally:
        lock.release()


def _make_ready(folder: ResultsFolder, settings: RunSettings, on_existing: OnExisting) -> None:
    check_results(folder, on_existing)  # once more: another run may have come before the lock
    _remove_unfinished(folder)
    folder.report.unlink(missing_ok=True)  # or it could be of other rows
    if folder.run_file.exists():
        if on_existing == "resume":
            _require_same(folder, settings)
            return
        folder.records.unlink(missing_ok=True)
        for name in PICTURE_FOLDERS:
            if os.path.lexists(folder.path / name):
                shutil.rmtree(folder.path / name)
    folder.write(folder.run_file.name, settings.to_json())


def _require_same(folder: ResultsFolder, settings: RunSettings) -> None:
    before, now = folder.read_run(), json.loads(settings.to_json())
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        said = ", ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in changed)
        raise UsageError(
            f"The run in '{folder.path}' was made otherwise ({said}). Resume it with the same, or "
            "start it again with --overwrite."
        )


def _is_ours_and_empty(name: str) -> bool:
    """Tells whether a file is one that a run leaves before it has begun to write results."""
    return name == _LOCK or name.startswith(UNFINISHED)


def _remove_unfinished(folder: ResultsFolder) -> None:
    for pattern in ("", *(f"{name}/**/" for name in PICTURE_FOLDERS)):
        for file in folder.path.glob(f"{pattern}{UNFINISHED}*"):
            file.unlink()
