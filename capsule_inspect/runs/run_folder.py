"""The files of a run folder."""

import re
from dataclasses import dataclass
from pathlib import Path

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
