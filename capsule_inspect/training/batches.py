"""Training batches, balanced over the classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import DataError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.runtime import LOGITS, MASK_LOGITS
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.augment import Augmenter, transplant
from capsule_inspect.training.crops import TrainingCrop, soft_targets


@dataclass(frozen=True)
class Pool:
    """The crops that batches are sampled from.

    Attributes:
        by_class: The crops of each class, by class index; `good` is 0.
    """

    by_class: tuple[tuple[TrainingCrop, ...], ...]

    @classmethod
    def of(cls, crops: Sequence[TrainingCrop], class_count: int) -> "Pool":
        """Groups crops by class."""
        groups = ([c for c in crops if c.label == index] for index in range(class_count))
        return cls(tuple(tuple(group) for group in groups))

    @property
    def defects(self) -> tuple[int, ...]:
        """Indices of the defect classes that have crops."""
        return tuple(i for i, group in enumerate(self.by_class) if i > 0 and group)

    def pick(self, defective: bool, random: np.random.Generator) -> TrainingCrop:
        """Picks a crop at random.

        Args:
            defective: Whether to pick a defective crop, each class with equal probability, or a
                good one.
            random: The random generator.
        """
        label = int(random.choice(self.defects)) if defective else 0
        group = self.by_class[label]
        return group[int(random.integers(len(group)))]


_NOT_TRANSPLANTED = "squeeze"
"""This class changes the outline, so a transplanted defect would look unreal."""

Targets = dict[str, NDArray[np.float32]]


class Batches(keras.utils.PyDataset):
    """Seeded training batches for any epoch.

    A batch depends only on the seed, the epoch and its index, so a resumed run sees the same
    batches as an uninterrupted one.

    Args:
        real: Crops of the training split.
        drawn: Drawn crops to mix in.
        classes: Class names, `good` first.
        roi: The network's window.
        settings: Batch size, shares, augmentation and seed.
        mask_stride: Window pixels per side of a target's pixel; None for no mask targets.
        first_epoch: The first epoch.

    Attributes:
        epoch: The current epoch. The training sets it: Keras calls `on_epoch_end` too often to
            count epochs here.

    Raises:
        DataError: There are no good crops, or no defective ones.
    """

    def __init__(
        self,
        real: Sequence[TrainingCrop],
        drawn: Sequence[TrainingCrop],
        classes: Sequence[str],
        roi: Roi,
        settings: TrainSettings,
        mask_stride: int | None = 2,
        first_epoch: int = 0,
    ) -> None:
        super().__init__()
        self._real, self._drawn = Pool.of(real, len(classes)), Pool.of(drawn, len(classes))
        self._classes, self._roi, self._settings = classes, roi, settings
        self._augment = Augmenter(settings.augment, roi)
        self._mask_stride = mask_stride
        self.epoch = first_epoch
        if not self._real.by_class[0] or not self._real.defects:
            raise DataError(
                "The training split needs both good and defective pictures. Check manifest.csv."
            )

    def __len__(self) -> int:
        return self._settings.steps

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], Targets]:
        """Returns a batch of the current epoch.

        Returns:
            Images uint8 [B, roi.height, roi.width, 3], and the targets by output name: `logits` is
            one-hot [B, classes]; `mask_logits`, if there are mask targets, is the share of each
            class in each pixel [B, roi.height / stride, roi.width / stride, classes], or 0 for all
            classes if the mask is unknown.
        """
        return self._make(self.epoch, index)

    def peek_images(self, epoch: int, count: int) -> list[NDArray[np.uint8]]:
        """Returns the images of the first batches of any epoch."""
        return [self._make(epoch, index)[0] for index in range(count)]

    def _make(self, epoch: int, index: int) -> tuple[NDArray[np.uint8], Targets]:
        random = np.random.default_rng([self._settings.seed, epoch, index])
        size, count = self._settings.batch_size, len(self._classes)
        images = np.empty((size, self._roi.height, self._roi.width, 3), np.uint8)
        labels = np.zeros((size, count), np.float32)
        targets = {LOGITS: labels}
        if self._mask_stride:
            height, width = (s // self._mask_stride for s in (self._roi.height, self._roi.width))
            targets[MASK_LOGITS] = np.zeros((size, height, width, count), np.float32)
        for slot in range(size):
            crop = self._pick(slot % 2 == 1, random)
            images[slot], mask = self._augment(crop, int(random.integers(2**31)))
            labels[slot, crop.label] = 1
            if self._mask_stride and mask is not None:
                shares = soft_targets(mask, crop.label, count, self._mask_stride)
                targets[MASK_LOGITS][slot] = shares
        return images, targets

    def _pick(self, defective: bool, random: np.random.Generator) -> TrainingCrop:
        drawn = random.random() < self._settings.drawn_share
        if drawn and self._drawn.by_class[0] and self._drawn.defects:
            return self._drawn.pick(defective, random)
        crop = self._real.pick(defective, random)
        if not defective and random.random() < self._settings.transplant:
            donor = self._real.pick(True, random)
            mask = donor.mask
            if self._classes[donor.label] != _NOT_TRANSPLANTED and mask is not None and mask.any():
                return transplant(donor, mask, crop, random)
        return crop
