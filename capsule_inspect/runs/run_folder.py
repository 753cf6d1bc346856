"""Run folders: their files and their names."""

import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from capsule_inspect.errors import UsageError

MEMBER = r"seed-\d+-fold-\d+"
"""What the folders of a study's runs are called, as a pattern."""


@dataclass(frozen=True)
class RunFolder:
    """The files of a run, or of a study, whose runs have folders of their own inside it.

    Attributes:
        path: The folder.
    """

    path: Path

    def member(self, seed: int, fold: int) -> "RunFolder":
        """Returns the folder of one run of a study."""
        return RunFolder(self.path / f"seed-{seed}-fold-{fold}")

    def members(self) -> tuple["RunFolder", ...]:
        """Returns the folders of a study's runs that are there; none of a single run."""
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
        """The trained network, with averaged weights."""
        return self.path / "model.keras"

    @property
    def exported(self) -> Path:
        """The model file, where `export-tflite` puts it unless told otherwise."""
        return self.path / "model.tflite"

    @property
    def best(self) -> Path:
        """The network of the best validation so far, where training may stop early."""
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
        """Folder of TensorBoard's events."""
        return self.path / "tensorboard"

    @property
    def decision(self) -> Path:
        """Classes, window and operating point that belong to the model."""
        return self.path / "decision.json"


_LONGEST = 40


def slug(text: str) -> str:
    """Makes a text safe as a part of a file name: letters, digits, dots, dashes and underscores.

    Accents are dropped, all else becomes dashes. At most 40 characters; empty if nothing is left.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:_LONGEST].rstrip("-._")


def input_name(text: str) -> str:
    """Returns what an input of `predict` is called; a file is without its ending."""
    name = base_name(text)
    return name if os.path.isdir(text) else os.path.splitext(name)[0]  # noqa: PTH112, PTH122


def base_name(path: str | os.PathLike[str]) -> str:
    """Returns the last part of a path; of `.`, `..` and such, that of the folder they stand for."""
    return os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119  (resolve() follows links)


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
        folder = _new_folder(RUNS / command, slug(about))
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


def model_name(model: Path) -> str:
    """Returns the name of a model: its run folder's if it lies in one, else its file's.

    Args:
        model: A model file, or the folder of a run or study.
    """
    if model.is_dir():
        return model.resolve().name
    folder = model.parent
    return folder.resolve().name if RunFolder(folder).decision.is_file() else model.stem
