"""Making the folder of a new run."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.naming import safe_name

RUNS = Path("runs")
"""Where run folders are made unless another place is asked for."""

LATEST = "latest"
"""The link to the newest run of a command, beside its run folders."""

TIME_FORMAT = "%Y%m%d-%H%M%S"
"""How the time stands in the name of a run folder."""


def new_run_folder(command: str, about: str, wanted: Path | None = None) -> Path:
    """Makes a new run folder; one of no wanted place gets a `latest` beside it that points to it.

    Args:
        command: Name of the command, such as `train`.
        about: What the run is about, such as the name of a data set; made safe for file names.
        wanted: The folder to make; by default `runs/<command>/<time>-<about>/`.

    Raises:
        UsageError: The wanted folder exists and is not empty, or cannot be made.
    """
    try:
        if wanted is not None:
            wanted.mkdir(parents=True, exist_ok=True)
            if any(wanted.iterdir()):
                hint = ""
                if command in ("train", "tune"):
                    hint = f" An unfinished run in it goes on with {command}.resume={wanted}."
                raise UsageError(f"The run folder '{wanted}' is not empty. Give a new one.{hint}")
            return wanted
        folder = _new_folder(RUNS / command, safe_name(about))
    except OSError as error:
        raise UsageError(f"The run folder cannot be made: {error}.") from error
    with suppress(OSError):  # not every file system has links, and not everyone may make them
        _point_latest(folder)
    return folder


def _new_folder(parent: Path, about: str) -> Path:
    """Makes a folder named by the time; two runs of one second get different ones."""
    parent.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now().strftime(TIME_FORMAT)
    stem = f"{stamp}-{about}" if about else stamp
    number = 1
    while True:
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _point_latest(folder: Path) -> None:
    link, fresh = folder.parent / LATEST, folder.parent / f".{LATEST}-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name, target_is_directory=True)
    try:
        if link.is_symlink() or not link.exists():
            fresh.replace(link)
    finally:
        fresh.unlink(missing_ok=True)
