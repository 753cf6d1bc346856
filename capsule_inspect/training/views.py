"""Views: augmented windows of capsules, each named by a key that says how to make it again."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.picture import Picture
from capsule_inspect.training.augment import Augmenter, transplant
from capsule_inspect.training.sources import Source, SourceKey, Sources

NOT_TRANSPLANTED: Final = "squeeze"
"""This class changes the outline, so a transplanted defect would look unreal."""


@dataclass(frozen=True)
class ViewKey:
    """Names a view. The same key gives the same view in every run.

    Attributes:
        source: The capsule, or the one whose defect is transplanted.
        variation: Number of the random variation.
        host: The good capsule that receives the defect; None without a transplant.
    """

    source: SourceKey
    variation: int
    host: SourceKey | None = None

    @property
    def label(self) -> int:
        """Index of the class that the view shows."""
        return self.source.label

    @property
    def digest(self) -> str:
        """SHA-256 of all that the view depends on, settings aside."""
        host = "" if self.host is None else self.host.digest
        text = f"{self.source.digest}|{host}|{self.variation}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class View:
    """An augmented window.

    Attributes:
        image: uint8 RGB [roi.height, roi.width, 3].
        mask: uint8 [roi.height, roi.width], 255 on defect, 0 elsewhere, values between at edges;
            None if it is not known.
        label: Index of the class.
    """

    image: Picture
    mask: NDArray[np.uint8] | None
    label: int


class ViewMaker:
    """Makes views of capsules.

    Args:
        sources: The capsules.
        augmenter: Makes the variations.
    """

    def __init__(self, sources: Sources, augmenter: Augmenter) -> None:
        self._sources, self._augment = sources, augmenter

    def __call__(self, key: ViewKey) -> View:
        """Makes one view.

        Raises:
            PictureError: A picture or mask cannot be read any more.
        """
        random = np.random.default_rng(list(bytes.fromhex(key.digest)))
        source = self._read(key, random)
        image, mask = self._augment(source, random)
        return View(image, mask, source.label)

    def _read(self, key: ViewKey, random: np.random.Generator) -> Source:
        source = self._sources.read(key.source)
        if key.host is None:
            return source
        return transplant(source, self._sources.read(key.host), random)
