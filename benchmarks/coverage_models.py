"""Models of scores and overlaps with a known AUROC or mean, at the size of the study."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

GOOD, DEFECTIVE = 206, 92
"""Number of pictures of each kind in the study."""

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


@dataclass(frozen=True)
class ScoreModel:
    """A distribution of scores without ties.

    Attributes:
        name: Name of the distribution.
        auroc: The true AUROC.
        good: Draws scores of good pictures.
        defective: Draws scores of defective pictures.
    """

    name: str
    auroc: float
    good: Draw
    defective: Draw

    def draw(self, generator: np.random.Generator, times: int = 1) -> tuple[Floats, Floats]:
        """Draws the scores of good and of defective pictures for `times` studies."""
        return self.good(generator, times * GOOD), self.defective(generator, times * DEFECTIVE)


def binormal(auroc: float, spread: float) -> ScoreModel:
    """Returns a model of normal scores; those of good pictures have mean 0 and deviation 1.

    Args:
        auroc: The true AUROC, in (0, 1).
        spread: Standard deviation of the scores of defective pictures.
    """
    mean = NormalDist().inv_cdf(auroc) * math.hypot(1, spread)
    return ScoreModel(
        f"normal, deviation {spread:g}",
        auroc,
        lambda generator, size: generator.normal(0, 1, size),
        lambda generator, size: generator.normal(mean, spread, size),
    )


def exponential(auroc: float) -> ScoreModel:
    """Returns the model behind the variance of Hanley and McNeil (Radiology 143, 1982).

    The scores of defective pictures spread wider: their mean is the odds of the AUROC.
    """
    return ScoreModel(
        "exponential",
        auroc,
        lambda generator, size: generator.exponential(1, size),
        lambda generator, size: generator.exponential(auroc / (1 - auroc), size),
    )


def mirrored_exponential(auroc: float) -> ScoreModel:
    """Returns the mirrored model: the scores of good pictures spread wider, below 0."""
    return ScoreModel(
        "exponential, mirrored",
        auroc,
        lambda generator, size: -generator.exponential(auroc / (1 - auroc), size),
        lambda generator, size: -generator.exponential(1, size),
    )


@dataclass(frozen=True)
class Overlaps:
    """A distribution of Dice or IoU over pictures of one kind.

    Attributes:
        n: Number of pictures.
        zeros: Chance that an overlap is 0: a missed defect or a false alarm.
        beta: Parameters of the beta distribution of the other overlaps; None if they are all 1.
    """

    n: int
    zeros: float
    beta: tuple[float, float] | None

    @property
    def mean(self) -> float:
        """The true mean."""
        a, b = self.beta or (1.0, 0.0)
        return (1 - self.zeros) * a / (a + b)

    def draw(self, generator: np.random.Generator, times: int) -> Floats:
        """Draws float64 [times, n]."""
        shape = (times, self.n)
        found = generator.beta(*self.beta, shape) if self.beta else np.ones(shape)
        return np.where(generator.random(shape) < self.zeros, 0.0, found)


@dataclass(frozen=True)
class OverlapModel:
    """A distribution of the overlaps of a study.

    Attributes:
        metric: `dice` or `iou`.
        name: Name of the distribution.
        kinds: The overlaps of each kind of picture; the number of each kind is fixed.
    """

    metric: str
    name: str
    kinds: tuple[Overlaps, ...]

    @property
    def n(self) -> int:
        """The number of pictures."""
        return sum(kind.n for kind in self.kinds)

    @property
    def mean(self) -> float:
        """The true mean over all pictures."""
        return sum(kind.n * kind.mean for kind in self.kinds) / self.n

    def draw(self, generator: np.random.Generator, times: int) -> Floats:
        """Draws the overlaps of `times` studies, float64 [times, n]."""
        return np.concatenate([kind.draw(generator, times) for kind in self.kinds], axis=1)
