"""Telling when a batch as a whole leaves what training has seen."""

from array import array
from dataclasses import asdict

import numpy as np

from capsule_inspect.inference.observation import Observation
from capsule_inspect.modelfile.training_statistics import RANGE_NAMES, TrainingStatistics

_MIN_CAPSULES = 5
"""Capsules in a batch of which a median says something."""


class Drift:
    """Gathers looks and scores of a batch.

    Args:
        statistics: What the training pictures were like; None where that is not known.
    """

    def __init__(self, statistics: TrainingStatistics | None) -> None:
        self._ranges = statistics.ranges if statistics else ()
        self._values = {name: array("d") for name in RANGE_NAMES}

    def add(self, observation: Observation) -> None:
        """Takes one capsule."""
        values = {**asdict(observation.look), "ood_score": observation.ood_score}
        for name, value in values.items():
            if value is not None:
                self._values[name].append(value)

    def describe(self) -> str:
        """Returns which medians lie outside their range, as one line; empty if none does."""
        parts = []
        for each in self._ranges:
            values = self._values[each.name]
            if len(values) < _MIN_CAPSULES:
                continue
            median = float(np.median(values))
            if not each.low <= median <= each.high:
                name = each.name.replace("_", " ")
                parts.append(f"{name} {median:.1f} ({each.low:.1f} to {each.high:.1f})")
        if not parts:
            return ""
        listed = ", ".join(parts)
        return f"Drift: medians outside the training's range: {listed}; labels are less sure."
