"""Crops to fill batches from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capsule_inspect.dataset.crops import TrainingCrop


@dataclass(frozen=True)
class Pool:
    """Crops to pick from.

    Attributes:
        by_class: The crops of each class, by class index; `good` is 0.
    """

    by_class: tuple[tuple[TrainingCrop, ...], ...]

    @classmethod
    def of(cls, crops: Sequence[TrainingCrop], class_count: int) -> "Pool":
        """Sorts crops by class."""
        groups = ([c for c in crops if c.label == index] for index in range(class_count))
        return cls(tuple(tuple(group) for group in groups))

    @property
    def defects(self) -> tuple[int, ...]:
        """Indices of the defect classes that have crops."""
        return tuple(i for i, group in enumerate(self.by_class) if i > 0 and group)

    def pick(self, defective: bool, random: np.random.Generator) -> TrainingCrop:
        """Picks a crop.

        Args:
            defective: Of a defect class, with even odds between the classes; otherwise a good one.
            random: Decides which.
        """
        label = int(random.choice(self.defects)) if defective else 0
        group = self.by_class[label]
        return group[int(random.integers(len(group)))]
