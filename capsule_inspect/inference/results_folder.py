"""The folder that a batch writes to: its files and their names.

Light, so that a list of runs can use it, too.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.inference.sentences_for import sentences_for
from capsule_inspect.replacing import replace_bytes

if TYPE_CHECKING:
    from capsule_inspect.imaging.encode import PictureFormat

MADE_BY = "capsule-inspect predict"
"""What run.json says of the command, by which its folders are known."""

_OVERLAYS, _MASKS = "overlays", "masks"

PICTURE_FOLDERS = (_OVERLAYS, _MASKS)
"""The folders of pictures in a results folder."""


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
    def run_file(self) -> Path:
        """What the run was made with; written first."""
        return self.path / "run.json"

    @property
    def report(self) -> Path:
        """The page for people, if one was asked for."""
        return self.path / "report.html"

    @staticmethod
    def overlay_name(picture: str, picture_format: "PictureFormat") -> str:
        """Names the overlay of a picture, relative to the folder, POSIX.

        Args:
            picture: What the picture's results are called.
            picture_format: What the overlay is written as; its extension.
        """
        return f"{_OVERLAYS}/{picture}.{picture_format}"

    @staticmethod
    def mask_name(picture: str) -> str:
        """Names the mask of a picture, likewise."""
        return f"{_MASKS}/{picture}.png"

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

    def read_run(self) -> dict[str, object]:
        """Returns what the run was made with, as in run.json; nothing if that cannot be known."""
        try:
            document = json.loads(self.run_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def is_of_a_run(self) -> bool:
        """Tells whether `predict` has made the folder."""
        return self.read_run().get("made_by") == MADE_BY
