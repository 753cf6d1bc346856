"""What the training pictures were like, so that others can be told from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RANGE_NAMES = ("red", "green", "blue", "length", "sharpness", "ood_score")
"""The quantities whose ranges are known: the fields of `imaging.look.Look`, and the score."""


@dataclass(frozen=True)
class Range:
    """The values that a quantity took on the training pictures.

    Attributes:
        name: One of `RANGE_NAMES`.
        low: The least.
        high: The greatest.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class TrainingStatistics:
    """Statistics of the training pictures.

    Attributes:
        feature_means: Of the network's output `features`, one per channel.
        feature_deviations: Standard deviations of the same; above 0.
        ood_limit: The out-of-distribution score above which a picture is unlike those of the
            training.
        ranges: Of looks and scores.
    """

    feature_means: tuple[float, ...]
    feature_deviations: tuple[float, ...]
    ood_limit: float
    ranges: tuple[Range, ...]

    def ood_score(self, features: NDArray[np.float32]) -> float:
        """Returns how unlike the training pictures a picture is: 1 on average over those.

        The Mahalanobis distance of Lee et al., "A simple unified framework for detecting
        out-of-distribution samples" (2018), squared, divided by the number of channels, for one
        class and a diagonal covariance, which a few hundred pictures can support.

        Args:
            features: float32 [channels].
        """
        apart = (features - np.array(self.feature_means)) / np.array(self.feature_deviations)
        return float(np.mean(apart**2))

    def range_of(self, name: str) -> Range:
        """Returns the range of a quantity.

        Args:
            name: One of `RANGE_NAMES`.

        Raises:
            KeyError: There is no such quantity.
        """
        return {each.name: each for each in self.ranges}[name]
