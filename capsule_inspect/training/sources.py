"""The capsules that a run learns from: where they lie, and what they show."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import WHOLE_PICTURE
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.errors import DataError
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.find_capsules import shows_another_product
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.reporter import Reporter

_DRAWN_FOR_TRAINING: Final = 28_081
"""Part of the seed, so that training draws no picture that `prepare drawn` draws."""

_ATTEMPTS: Final = 20
"""Most drawings of one capsule until it is found: one in a hundred is too pale for its ground."""


@dataclass(frozen=True)
class Source:
    """A capsule to learn from, with the part of its picture around the window.

    Attributes:
        picture: uint8 RGB [H, W, 3], at native resolution.
        mask: uint8 [H, W], 255 on the defect and 0 elsewhere; None for a defect without a mask.
        crop: The network's window in `picture`.
        label: Index of the class.
    """

    picture: Picture
    mask: NDArray[np.uint8] | None
    crop: Crop
    label: int

    @property
    def size(self) -> int:
        """Bytes of picture and mask."""
        return self.picture.nbytes + (0 if self.mask is None else self.mask.nbytes)


@dataclass(frozen=True)
class SourceKey:
    """Names a capsule, without its picture.

    Attributes:
        label: Index of the class.
        sample: The picture it is in; None for a drawn capsule.
        number: Its place among the capsules of the picture; for a drawn capsule, its number.
        digest: Identifies picture, mask and place, the same on every machine.
        has_mask: Whether its mask is known; an empty mask of a defect is not.
    """

    label: int
    sample: Sample | None
    number: int
    digest: str
    has_mask: bool = True


class Sources:
    """Finds the capsules of a training split, and reads them when they are needed.

    Only recently used ones stay in memory, so memory does not grow with the data set.

    If a picture shows several capsules, those without a defect pixel count as good. A defective
    picture of several capsules is left out if it has no mask.

    Args:
        data: The data set.
        samples: The pictures to learn from.
        roi: The network's window.
        reach: Window pixels around the window that a source shows as well.
        memory: Most bytes of pictures to keep.

    Attributes:
        keys: The capsules found, in the order of the samples.

    Raises:
        PictureError: A picture or mask cannot be read.
        DataError: A mask is not of its picture's size.
    """

    def __init__(
        self, data: DataSet, samples: Iterable[Sample], roi: Roi, reach: float, memory: int
    ) -> None:
        self._data, self._roi, self._reach, self._memory = data, roi, reach, memory
        self._recent: OrderedDict[SourceKey, Source] = OrderedDict()
        self._held, self._lock = 0, Lock()
        self._without_capsule: list[Sample] = []
        self._ambiguous: list[Sample] = []
        self._samples = tuple(samples)
        self.keys = tuple(key for sample in self._samples for key in self._find(sample))

    def tell_what_is_left_out(self, reporter: Reporter) -> None:
        """Tells which pictures nothing is learned from.

        Raises:
            DataError: No capsule is found on most of them, so they show another product.
        """
        missing, count = len(self._without_capsule), len(self._samples)
        if shows_another_product(missing, count):
            raise DataError(
                f"No capsule is found on {missing} of the {count} training pictures. For another "
                f"product than capsules, train on whole pictures: add {WHOLE_PICTURE}."
            )
        for left_out, reason in (
            (self._without_capsule, "no capsule is found there"),
            (self._ambiguous, "several capsules are there, and no mask tells the defective one"),
        ):
            if left_out:
                reporter.warn(
                    f"Training leaves out {len(left_out)} of its {count} pictures, such as "
                    f"'{left_out[0].path}': {reason}."
                )

    def draw(self, count: int, seed: int) -> tuple[SourceKey, ...]:
        """Returns the keys of drawn capsules in any pose, of the classes that the data set has.

        Args:
            count: Number of capsules; those of other classes are left out.
            seed: Seed of all that is random, at least 0.
        """
        return tuple(
            SourceKey(self._data.classes.index(label), None, index, f"drawn {seed} {index} {label}")
            for index, label in enumerate(draw_labels(count, seed))
            if label in self._data.classes
        )

    def read(self, key: SourceKey) -> Source:
        """Reads or draws a capsule.

        Raises:
            PictureError: A picture or mask cannot be read any more.
        """
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        source = self._draw(key) if key.sample is None else self._read_again(key, key.sample)
        self._keep(key, source)
        return source

    def _find(self, sample: Sample) -> Iterator[SourceKey]:
        key = None
        for source, key in self._read_sample(sample):
            self._keep(key, source)
            yield key
        if key is None:
            crops = find_crops(self._data.read_picture(sample), self._roi)
            (self._ambiguous if crops else self._without_capsule).append(sample)

    def _read_again(self, key: SourceKey, sample: Sample) -> Source:
        found = None
        for source, own in self._read_sample(sample):
            self._keep(own, source)  # the other capsules of a picture are often needed next
            found = source if own == key else found
        if found is not None:
            return found
        raise DataError(
            f"'{sample.path}' or its mask has changed since the training began. Restore it, or "
            "start a new run."
        )

    def _read_sample(self, sample: Sample) -> Iterator[tuple[Source, SourceKey]]:
        picture, truth = self._data.read(sample)
        mask = None if truth is None else np.where(truth, np.uint8(255), np.uint8(0))
        shown = hashlib.sha256(picture.data).hexdigest()
        label = self._data.classes.index(sample.label)
        for number, source in enumerate(self._divide(picture, mask, label)):
            content = b"" if source.mask is None else np.packbits(source.mask > 0).tobytes()
            name = f"{shown} {number} {hashlib.sha256(content).hexdigest()}"
            known = source.mask is not None and (source.label == 0 or bool(source.mask.any()))
            yield source, SourceKey(source.label, sample, number, name, known)

    def _draw(self, key: SourceKey) -> Source:
        seed = int(key.digest.split()[1])
        for attempt in range(_ATTEMPTS):
            drawn = draw_capsule(
                self._data.classes[key.label], (_DRAWN_FOR_TRAINING, seed, key.number, attempt)
            )
            found = list(self._divide(drawn.picture, drawn.mask, key.label))
            if len(found) == 1:
                return found[0]
        raise AssertionError(f"No capsule is found in {_ATTEMPTS} drawings of {key.digest}.")

    def _divide(
        self, picture: Picture, mask: NDArray[np.uint8] | None, label: int
    ) -> Iterator[Source]:
        crops = find_crops(picture, self._roi)
        if len(crops) == 1:
            yield self._cut(picture, mask, crops[0], label)
        elif mask is not None and (not label or mask.any()):
            for crop in crops:
                own = label if crop.take(mask).any() else 0
                yield self._cut(picture, mask, crop, own)

    def _cut(
        self, picture: Picture, mask: NDArray[np.uint8] | None, crop: Crop, label: int
    ) -> Source:
        rows, columns = crop.bounds(picture, self._reach)
        own = crop.within(rows, columns)
        part = None if mask is None else own.without_neighbours(mask[rows, columns])
        return Source(picture[rows, columns].copy(), part, own, label)

    def _keep(self, key: SourceKey, source: Source) -> None:
        with self._lock:
            if key in self._recent:
                return
            self._recent[key] = source
            self._held += source.size
            while self._held > self._memory and len(self._recent) > 1:
                _, oldest = self._recent.popitem(last=False)
                self._held -= oldest.size
