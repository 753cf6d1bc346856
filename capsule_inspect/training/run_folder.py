"""Run folders: where a command keeps what it makes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from capsule_inspect.errors import UsageError

RUNS = Path("runs")
"""Where run folders are made unless another place is asked for."""


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Attributes:
        path: The folder.
    """

    path: Path

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


def create_run_folder(command: str, wanted: Path | None = None) -> RunFolder:
    """Makes a new run folder and points `latest` beside it to it.

    Args:
        command: Name of the command, such as `train`.
        wanted: The folder to make; by default `runs/<command>/<time>/`.

    Raises:
        UsageError: The wanted folder exists and is not empty, or cannot be made.
    """
    try:
        if wanted is not None:
            wanted.mkdir(parents=True, exist_ok=True)
            if any(wanted.iterdir()):
                raise UsageError(f"The run folder '{wanted}' is not empty. Give a new one.")
            return RunFolder(wanted)
        folder = _new_folder(RUNS / command)
        _point_latest(folder)
    except OSError as error:
        raise UsageError(f"The run folder cannot be made: {error}.") from error
    return RunFolder(folder)


def replace_text(path: Path, text: str) -> None:
    """Writes a text file whole, as `replacing` does."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Has a file written under a temporary name, then renames it: a reader never sees half of it.

    Args:
        path: The file.

    Yields:
        The temporary name to write to, of the same extension.
    """
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    yield unfinished
    unfinished.replace(path)


def _new_folder(parent: Path) -> Path:
    """Makes a folder named by the time; two runs of one second get different ones."""
    parent.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _point_latest(folder: Path) -> None:
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    if link.is_symlink() or not link.exists():
        fresh.replace(link)
    else:
        fresh.unlink()
