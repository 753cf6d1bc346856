"""The files and names of run folders."""

import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from capsule_inspect.choices import RESUMABLE
from capsule_inspect.errors import UsageError
from capsule_inspect.folder_lock import LOCK
from capsule_inspect.text import command_line

MEMBER = r"seed-\d+-fold-\d+"
"""Pattern for the folder names of a study's runs."""


@dataclass(frozen=True)
class RunFolder:
    """The files of a run, or of a study, which holds a subfolder for each of its runs.

    Attributes:
        path: The folder.
    """

    path: Path

    def member(self, seed: int, fold: int) -> "RunFolder":
        """Returns the folder of one run of a study."""
        return RunFolder(self.path / f"seed-{seed}-fold-{fold}")

    def members(self) -> tuple["RunFolder", ...]:
        """Returns the existing folders of a study's runs; empty for a single run."""
        found = sorted(path for path in self.path.glob("seed-*") if re.fullmatch(MEMBER, path.name))
        return tuple(RunFolder(path) for path in found)

    @property
    def config(self) -> Path:
        """The resolved settings, as YAML."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """Network and optimizer after the last finished epoch."""
        return self.path / "checkpoint.keras"

    @property
    def model(self) -> Path:
        """The trained network: averaged weights, no optimizer."""
        return self.path / "model.keras"

    @property
    def exported(self) -> Path:
        """The default output of `export-tflite`."""
        return self.path / "model.tflite"

    @property
    def best(self) -> Path:
        """The network with the best validation so far; only with early stopping."""
        return self.path / "best.keras"

    @property
    def validation(self) -> Path:
        """Metrics on the validation split, at the operating point."""
        return self.path / "validation.json"

    @property
    def history(self) -> Path:
        """One row per epoch."""
        return self.path / "history.csv"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard events."""
        return self.path / "tensorboard"

    @property
    def decision(self) -> Path:
        """Classes, window and operating point of the model."""
        return self.path / "decision.json"


_MAX_SLUG = 40


def slug(text: str) -> str:
    """Turns a text into a safe part of a file name, at most 40 characters long.

    Letters, digits, dots, dashes and underscores stay; accents are dropped; anything else becomes a
    dash. The result can be empty.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:_MAX_SLUG].rstrip("-._")


def input_name(text: str) -> str:
    """Returns the name of an input of `predict`; a file loses its extension."""
    name = base_name(text)
    return name if os.path.isdir(text) else os.path.splitext(name)[0]  # noqa: PTH112, PTH122


def base_name(path: str | os.PathLike[str]) -> str:
    """Returns the last part of a path, after resolving `.` and `..`."""
    return os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119  (resolve() follows links)


RUNS = Path("runs")
"""Default parent of run folders."""

LATEST = "latest"
"""Name of the link to the newest run of a command, beside its run folders."""

TIME_FORMAT = "%Y%m%d-%H%M%S"
"""Format of the time in the name of a run folder."""


def new_run_folder(command: str, about: str, wanted: Path | None = None) -> Path:
    """Creates a run folder; one in the default place also gets the link `latest`.

    Args:
        command: Name of the command, such as `train`.
        about: Subject of the run, such as the name of a data set; `slug` makes it safe.
        wanted: The folder to create; by default `runs/<command>/<time>-<about>/`. It may hold a
            start that came to nothing.

    Raises:
        UsageError: The wanted folder is not empty, or the folder cannot be created.
    """
    try:
        if wanted is not None:
            wanted.mkdir(parents=True, exist_ok=True)
            if not _came_to_nothing(wanted):
                hint = ""
                if command in RESUMABLE:
                    resume = command_line(command, "--resume", wanted)
                    hint = f" To resume an unfinished run in it: {resume}"
                raise UsageError(f"The run folder '{wanted}' is not empty. Name a new one.{hint}")
            return wanted
        folder = _new_folder(RUNS / command, slug(about))
    except OSError as error:
        place = error.filename or wanted or RUNS
        raise UsageError(
            f"The run folder '{place}' cannot be created: {error.strerror or error}. Name a folder "
            "that you can write to with -o."
        ) from error
    with suppress(OSError):  # not every file system has links, not every user may create them
        _point_latest(folder)
    return folder


_STARTED: Final = frozenset({"config.yaml", "environment.json", LOCK})
"""The files of a run that has just begun."""


def _came_to_nothing(folder: Path) -> bool:
    """Tells whether a folder is empty, or holds only what a start leaves that failed."""
    entries = list(folder.iterdir())
    members = [entry for entry in entries if entry.is_dir() and re.fullmatch(MEMBER, entry.name)]
    files = [*entries, *(file for member in members for file in member.iterdir())]
    begun = all(file.name in _STARTED and file.is_file() for file in files if file not in members)
    return not entries or (begun and (folder / "environment.json").is_file())


def _new_folder(parent: Path, about: str) -> Path:
    """Creates a folder named after the time; two runs in the same second get different names."""
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


def model_name(model: Path) -> str:
    """Returns the name of a model's run folder, or of its file if it is in none.

    Args:
        model: A model file, or the folder of a run or study.
    """
    if model.is_dir():
        return model.resolve().name
    folder = model.parent
    return folder.resolve().name if RunFolder(folder).decision.is_file() else model.stem
