"""The files of a run folder."""

from dataclasses import dataclass
from pathlib import Path


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
