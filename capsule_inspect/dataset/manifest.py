"""The data set folder that `prepare` writes and every other command reads."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One picture of a data set: one row of manifest.csv.

    Attributes:
        path: POSIX path relative to the data set's root.
        label: Class name.
        mask: POSIX path of the mask relative to the root; empty where there is none.
        split: `train`, `val` or `test`.
        fold: Cross-validation fold from 0; None without folds.
        sha256: Of the decoded pixels.
        width: Width in pixels.
        height: Height in pixels.
    """

    path: str
    label: str
    mask: str
    split: str
    fold: int | None
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class DataSet:
    """A data set folder: its samples, sorted by path, and what dataset.json says of them.

    Attributes:
        root: Folder the samples' paths are relative to.
        classes: Class names, `good` first, the rest sorted.
        samples: The rows of manifest.csv.
        seed: Seed of the split.
        source: Where the pictures came from, for people.
        licence: Licence note of the pictures.
        version: Version of the tool that wrote the folder.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    seed: int
    source: str
    licence: str
    version: str
