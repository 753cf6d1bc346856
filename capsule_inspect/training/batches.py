"""Training batches for Keras."""

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.modelfile.runtime import LOGITS, MASK_LOGITS
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.sampler import Sampler
from capsule_inspect.training.views import ViewKey, ViewMaker


@dataclass(frozen=True)
class Example:
    """A view as a network learns from it.

    Attributes:
        inputs: What the network takes: the window, uint8 [H, W, 3], or the encoder's features from
            fine to coarse, each float16 [h, w, channels].
        mask: uint8 [H / s, W / s], s = model.mask_stride: the share of defect in each pixel, 255
            for all of it; None if the mask is not known.
        label: Index of the class.
    """

    inputs: tuple[NDArray[Any], ...]
    mask: NDArray[np.uint8] | None
    label: int


def image_examples(make: ViewMaker, mask_shape: tuple[int, int]) -> Callable[[ViewKey], Example]:
    """Returns a function that makes examples for a network with its encoder.

    Args:
        make: Makes views.
        mask_shape: Height and width of the masks.
    """

    def load(key: ViewKey) -> Example:
        view = make(key)
        mask = None if view.mask is None else shrink_mask(view.mask, mask_shape)
        return Example((view.image,), mask, view.label)

    return load


def shrink_mask(mask: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Shrinks a mask, 255 on defect, to a height and width by averaging over areas."""
    small = cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


Inputs = NDArray[np.uint8] | tuple[NDArray[np.float16], ...]
Targets = dict[str, NDArray[np.float32]]


class Batches:
    """Seeded training batches for any epoch.

    A batch depends only on the seed, the epoch and its index, so a resumed run sees the same
    batches as an uninterrupted one.

    Args:
        sampler: Chooses the views.
        load: Returns the example of a view.
        settings: The batch size and the number of steps.
        class_count: Number of classes, good included.
        mask_shape: Height and width of the mask targets; None for no mask targets.

    Attributes:
        epoch: The current epoch. The training sets it: Keras calls `on_epoch_end` too often to
            count epochs here.
    """

    def __init__(
        self,
        sampler: Sampler,
        load: Callable[[ViewKey], Example],
        settings: TrainSettings,
        class_count: int,
        mask_shape: tuple[int, int] | None,
    ) -> None:
        self._sampler, self._load, self._steps = sampler, load, settings.steps
        self._class_count, self._mask_shape = class_count, mask_shape
        self.epoch = 0

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[Inputs, Targets]:
        """Returns a batch of the current epoch.

        Returns:
            Windows uint8 [B, H, W, 3], or levels of features, each float16 [B, h, w, channels]; and
            the targets by output name: `logits` is one-hot [B, classes]; `mask_logits`, if there
            are mask targets, is the share of each class in each pixel [B, h, w, classes], or 0 for
            all classes if the mask is unknown.
        """
        return self._make(self.epoch, index)

    def peek_inputs(self, epoch: int, count: int) -> list[Inputs]:
        """Returns the inputs of the first batches of any epoch."""
        return [self._make(epoch, index)[0] for index in range(count)]

    def views_of_defects(self) -> list[Iterable[Example]]:
        """Returns views of each real defective capsule."""
        return [map(self._load, keys) for keys in self._sampler.views_of_defects()]

    def views_of_all(self) -> list[Iterable[Example]]:
        """Returns views of each real capsule, good or defective."""
        return [map(self._load, keys) for keys in self._sampler.views_of_all()]

    def _make(self, epoch: int, index: int) -> tuple[Inputs, Targets]:
        examples = [self._load(key) for key in self._sampler.batch(epoch, index)]
        levels = tuple(np.stack(level) for level in zip(*(e.inputs for e in examples), strict=True))
        inputs = levels[0] if levels[0].dtype == np.uint8 else levels
        count = self._class_count
        targets = {LOGITS: np.eye(count, dtype=np.float32)[[e.label for e in examples]]}
        if self._mask_shape:
            shares = np.zeros((len(examples), *self._mask_shape, count), np.float32)
            for own, example in zip(shares, examples, strict=True):
                _fill_shares(own, example)
            targets[MASK_LOGITS] = shares
        return inputs, targets


class KerasFeed(keras.utils.PyDataset):
    """Batches as Keras iterates them.

    TensorFlow keeps what it has iterated until the process ends, a few hundred megabytes for each
    run of a study. So this refers to the batches weakly.

    Args:
        batches: The batches, which the caller keeps.
    """

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = weakref.proxy(batches)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Inputs, Targets]:
        """Returns a batch of the current epoch."""
        made: tuple[Inputs, Targets] = self._batches[index]
        return made


def _fill_shares(shares: NDArray[np.float32], example: Example) -> None:
    """Fills zeros [h, w, classes] with the share of each class in each pixel of the mask."""
    if example.mask is None:
        return
    defect = example.mask.astype(np.float32) / 255
    shares[..., 0] = 1 - defect
    shares[..., example.label] += defect
