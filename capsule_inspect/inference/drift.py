"""Telling when a batch as a whole leaves what training has seen."""

from array import array
from dataclasses import asdict, dataclass

import numpy as np

from capsule_inspect.imaging.look import Look
from capsule_inspect.modelfile.training_statistics import RANGE_NAMES, TrainingStatistics

_FEWEST = 5
"""Capsules in a batch of which a median says something."""


@dataclass(frozen=True)
class Observed:
    """What one capsule's picture was like.

    Attributes:
        look: Colour, size and sharpness.
        ood_score: How unlike the training pictures it is; None where that is not known.
    """

    look: Look
    ood_score: float | None


class Drift:
    """Gathers looks and scores of a batch.

    Args:
        seen: What the training pictures were like; None where that is not known.
    """

    def __init__(self, seen: TrainingStatistics | None) -> None:
        self._seen = seen
        self._values = {name: array("d") for name in RANGE_NAMES}

    def add(self, observed: Observed) -> None:
        """Takes one capsule."""
        for name, value in {**asdict(observed.look), "ood_score": observed.ood_score}.items():
            if value is not None:
                self._values[name].append(value)

    def describe(self) -> str:
        """Returns which medians lie outside their range, as one line; empty if none does."""
        parts = []
        for each in self._seen.ranges if self._seen else ():
            values = self._values[each.name]
            if len(values) < _FEWEST:
                continue
            median = float(np.median(values))
            if not each.low <= median <= each.high:
                name = each.name.replace("_", " ")
                parts.append(f"{name} {median:.1f} ({each.low:.1f} to {each.high:.1f})")
        if not parts:
            return ""
        listed = ", ".join(parts)
        return f"Drift: medians outside the training's range: {listed}; labels are less sure."
