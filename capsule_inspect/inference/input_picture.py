"""A picture file that is to be inspected."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InputPicture:
    """One file to inspect.

    Attributes:
        path: The file as found: the input given, joined with the way from there.
        name: What its results are called: the way from the input given, made safe. POSIX, relative,
            never leading upwards, and another for each picture of a run.
    """

    path: Path
    name: str
