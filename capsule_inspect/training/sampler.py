"""The choice of views for training batches, balanced over the classes."""

import bisect
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.sources import SourceKey
from capsule_inspect.training.views import NOT_TRANSPLANTED, ViewKey

_USES: Final = 3
"""How often a repeated view is used, on average. More views cost time, fewer overfit
(`experiments/README.md`)."""
_MOST_VARIATIONS: Final = 32
"""Most repeated views of one capsule."""
_CLASSIFIED: Final = 1200
"""Most views that the classifier of regions is fitted to; each takes time at every validation."""
_CLASSIFIED_EACH: Final = 16
"""Most of them for one capsule."""
_ENDLESS: Final = 2**31
"""Number of variations if views are not repeated: each is used once."""


@dataclass(frozen=True)
class Pool:
    """Capsules to choose from.

    Attributes:
        by_class: The capsules of each class, by class index; `good` is 0.
    """

    by_class: tuple[tuple[SourceKey, ...], ...]

    @classmethod
    def of(cls, keys: Sequence[SourceKey], class_count: int) -> "Pool":
        """Groups capsules by class."""
        groups = ([key for key in keys if key.label == index] for index in range(class_count))
        return cls(tuple(tuple(group) for group in groups))

    @property
    def defects(self) -> tuple[int, ...]:
        """Indices of the defect classes that have capsules."""
        return tuple(i for i, group in enumerate(self.by_class) if i > 0 and group)

    def pick(self, defective: bool, random: np.random.Generator) -> SourceKey:
        """Picks a capsule at random.

        Args:
            defective: Whether to pick a defective capsule, each class with equal probability, or a
                good one.
            random: The random generator.
        """
        label = int(random.choice(self.defects)) if defective else 0
        group = self.by_class[label]
        return group[int(random.integers(len(group)))]


class Sampler:
    """Chooses the views of batches: half good, half defective.

    A share of them is drawn, and a share of the good ones gets a transplanted defect.

    Args:
        real: Capsules of the training split.
        drawn: Drawn capsules to mix in.
        classes: Class names, `good` first.
        settings: Batch size, shares and seed.
        repeated: Whether to use views again, so that a run needs few of them.

    Raises:
        DataError: There are no good capsules, or no defective ones.
    """

    def __init__(
        self,
        real: Sequence[SourceKey],
        drawn: Sequence[SourceKey],
        classes: Sequence[str],
        settings: TrainSettings,
        repeated: bool,
    ) -> None:
        self._real, self._drawn = Pool.of(real, len(classes)), Pool.of(drawn, len(classes))
        if not self._real.by_class[0] or not self._real.defects:
            raise DataError(
                "The training split needs both good and defective pictures. Check manifest.csv."
            )
        self._settings, self._repeated = settings, repeated
        self._fixed = classes.index(NOT_TRANSPLANTED) if NOT_TRANSPLANTED in classes else -1
        self._ring = sorted(self._real.by_class[0], key=lambda key: _hash(key.digest))
        self._points = [_hash(key.digest) for key in self._ring]

    def batch(self, epoch: int, index: int) -> tuple[ViewKey, ...]:
        """Returns the views of a batch; they depend only on the seed, the epoch and the index."""
        random = np.random.default_rng([self._settings.seed, epoch, index])
        slots = range(self._settings.batch_size)
        return tuple(self._pick(slot % 2 == 1, random) for slot in slots)

    def views_of_defects(self) -> list[tuple[ViewKey, ...]]:
        """Returns a few views of each defective capsule, for the classifier of regions.

        Of a drawn capsule it is one, so that the real ones decide what a class looks like.
        """
        real = self._views_of_real_defects()
        labels = self._drawn.defects if self._drawn_share else ()
        return real + [
            (ViewKey(key, 0),) for label in labels for key in self._drawn.by_class[label]
        ]

    def views_of_all(self) -> list[tuple[ViewKey, ...]]:
        """Returns a few views of each real defective capsule, and of about as many good ones."""
        good = self._ring[:_CLASSIFIED]
        most = min(self._each(len(good)), self._good_views)
        return [
            *self._views_of_real_defects(),
            *(tuple(ViewKey(source, v) for v in range(most)) for source in good),
        ]

    def _views_of_real_defects(self) -> list[tuple[ViewKey, ...]]:
        most = self._each(sum(len(self._real.by_class[label]) for label in self._real.defects))
        return [
            tuple(ViewKey(source, v) for v in range(min(most, self._defect_views(label))))
            for label in self._real.defects
            for source in self._real.by_class[label]
        ]

    @staticmethod
    def _each(capsules: int) -> int:
        """Returns how many views each of so many capsules gives to a classifier."""
        return max(1, min(_CLASSIFIED_EACH, _CLASSIFIED // capsules))

    def _pick(self, defective: bool, random: np.random.Generator) -> ViewKey:
        if random.random() < self._drawn_share:
            source, share = self._drawn.pick(defective, random), self._drawn_share
            return self._vary(source, self._count(self._drawn, source.label, share), random)
        if not defective and random.random() < self._settings.transplant:
            donor = self._real.pick(True, random)
            if self._can_donate(donor):
                variation = 0 if self._repeated else int(random.integers(_ENDLESS))
                return ViewKey(donor, variation, self._host(donor, random))
        source = self._real.pick(defective, random)
        if defective:
            return self._vary(source, self._defect_views(source.label), random)
        return self._vary(source, self._good_views, random)

    @property
    def _good_views(self) -> int:
        share = (1 - self._drawn_share) * (1 - self._settings.transplant * self._donors)
        return self._count(self._real, 0, share)

    def _can_donate(self, key: SourceKey) -> bool:
        return key.has_mask and key.label != self._fixed

    @cached_property
    def _donors(self) -> float:
        """The share of the defects, each class with equal weight, that can be transplanted."""
        groups = [self._real.by_class[label] for label in self._real.defects]
        return float(np.mean([np.mean([self._can_donate(key) for key in keys]) for keys in groups]))

    @staticmethod
    def _vary(source: SourceKey, variations: int, random: np.random.Generator) -> ViewKey:
        return ViewKey(source, int(random.integers(variations)))

    @property
    def _drawn_share(self) -> float:
        has_both = self._drawn.by_class[0] and self._drawn.defects
        return self._settings.drawn_share if has_both else 0.0

    def _defect_views(self, label: int) -> int:
        return self._count(self._real, label, 1 - self._drawn_share)

    def _count(self, pool: Pool, label: int, share: float) -> int:
        """Returns the number of views that each capsule of a class has.

        Args:
            pool: Where the capsules come from.
            label: Their class.
            share: Their share, and that of the other defects if they are defects, of the half of
                all places that is for good or for defective capsules.
        """
        if not self._repeated:
            return _ENDLESS
        s = self._settings
        classes = 1 if label == 0 else len(pool.defects)
        capsules = classes * len(pool.by_class[label])
        epochs = s.frozen_epochs + (0 if s.encoder_learning_rate > 0 else s.epochs)
        places = share * epochs * s.steps * s.batch_size / 2
        return max(1, min(_MOST_VARIATIONS, math.ceil(places / capsules / _USES)))

    def _host(self, donor: SourceKey, random: np.random.Generator) -> SourceKey:
        """Returns one of the good capsules that receive a defect.

        By consistent hashing (Karger et al., 1997): where a fold leaves out other pictures, most
        pairs stay the same, and so do their stored views.
        """
        share = (1 - self._drawn_share) * self._settings.transplant
        number = int(random.integers(self._count(self._real, donor.label, share)))
        place = bisect.bisect(self._points, _hash(f"{donor.digest} {number}"))
        return self._ring[place % len(self._ring)]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
