"""One picture of a data set."""

from dataclasses import dataclass
from typing import Final

SPLITS: Final = ("train", "val", "test")


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
