"""A data set: its pictures, and what is known of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.sample import Sample


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

    def of_split(self, split: str) -> tuple[Sample, ...]:
        """Returns the pictures of `train`, `val` or `test`, sorted by path."""
        return tuple(sample for sample in self.samples if sample.split == split)

    def count(self, label: str, split: str) -> int:
        """Returns how many pictures of a class a split holds."""
        return sum(sample.label == label for sample in self.of_split(split))

    @property
    def training_sha256(self) -> str:
        """Identifies the pictures of the training split: the hash of their sorted hashes."""
        return _sha256_of(self.of_split("train"))

    @property
    def pictures_sha256(self) -> str:
        """Identifies all pictures: `training_sha256` if all were in `train`."""
        return _sha256_of(self.samples)


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns the distinct labels as every file orders them: `good` first, the rest sorted."""
    return tuple(sorted(set(labels), key=lambda label: (label != GOOD, label)))


def _sha256_of(samples: Iterable[Sample]) -> str:
    hashes = sorted(sample.sha256 for sample in samples)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()
