"""Drift: how the pictures of a batch, as a whole, differ from the training pictures."""

import math
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from capsule_inspect.inference.warnings import HARMLESS, Observation, highest_usual
from capsule_inspect.modelfile.metadata import RANGE_NAMES, Range, TrainingStatistics

_MIN_CAPSULES = 5
"""The fewest capsules that give a meaningful median."""


@dataclass(frozen=True)
class Shift:
    """A median of a batch that lies outside the range of the training pictures.

    Attributes:
        name: The quantity, one of `RANGE_NAMES`.
        median: Over the capsules of the batch.
        low: The lowest value among the training pictures.
        high: The highest.
    """

    name: str
    median: float
    low: float
    high: float


class DriftMeter:
    """Collects the appearance of a batch's capsules, and compares the medians with the training.

    Args:
        statistics: Statistics of the training pictures; None if not known.
        window: How many capsules to keep, the last ones; None keeps all.
    """

    def __init__(self, statistics: TrainingStatistics | None, window: int | None = None) -> None:
        self._statistics = statistics
        self._values: dict[str, deque[float] | array[float]] = {
            name: deque(maxlen=window) if window else array("d") for name in RANGE_NAMES
        }

    def add(self, observations: Iterable[Observation]) -> None:
        """Adds the capsules of a picture."""
        for observation in observations:
            values = {**asdict(observation.appearance), "ood_score": observation.ood_score}
            for name, value in values.items():
                if value is not None:
                    self._values[name].append(value)

    def shifts(self) -> tuple[Shift, ...] | None:
        """Returns the medians outside their range, in the order of `RANGE_NAMES`.

        Compression and noise count only above the limit of their warnings.

        Returns:
            Empty if all lie within; None if that is not known, for want of statistics or of
            capsules.
        """
        medians = self.medians()
        ranges = self._statistics.ranges if self._statistics else ()
        measured = [each for each in ranges if each.name in medians]
        if not measured:
            return None
        return tuple(
            Shift(each.name, medians[each.name], each.low, each.high)
            for each in measured
            if not self._is_usual(each, medians[each.name])
        )

    def _is_usual(self, seen: Range, median: float) -> bool:
        if seen.name in HARMLESS:  # better pictures than the training's do no harm
            return median <= highest_usual(seen.name, self._statistics)
        return seen.low <= median <= seen.high

    def medians(self) -> dict[str, float]:
        """Returns the medians by quantity, of those that enough capsules have."""
        return {
            name: float(np.median(values))
            for name, values in self._values.items()
            if len(values) >= _MIN_CAPSULES
        }


def read_shifts(value: object) -> tuple[Shift, ...] | None:
    """Reads back shifts from JSON; None if the value is anything else."""
    if not isinstance(value, list):
        return None
    try:
        shifts = tuple(Shift(**item) for item in value)
        known = all(each.name in RANGE_NAMES and _are_finite(each) for each in shifts)
    except TypeError:
        return None
    return shifts if known else None


def _are_finite(shift: Shift) -> bool:
    return all(math.isfinite(value) for value in (shift.median, shift.low, shift.high))


_COLOURS = {
    "red": ("redder", "less red"),
    "green": ("greener", "less green"),
    "blue": ("bluer", "less blue"),
}
_OTHERS = {
    "length": ("larger", "smaller"),
    "sharpness": ("sharper", "more blurred"),
    "blockiness": ("more compressed", "less compressed"),
    "noise": ("noisier", "less noisy"),
}


def describe_drift(shifts: Sequence[Shift]) -> str:
    """Says in words how a batch differs from the training pictures.

    Args:
        shifts: From `DriftMeter`.

    Returns:
        Two short sentences; empty without shifts.

    Example:
        >>> describe_drift([Shift("length", 650.0, 828.0, 880.0)])
        'These pictures differ from the training pictures: smaller. Labels are less reliable.'
    """
    if not shifts:
        return ""
    is_above = {shift.name: shift.median > shift.high for shift in shifts}
    words = [*_colour_words(is_above), *_words(_OTHERS, is_above)]
    if words:
        said = f"These pictures differ from the training pictures: {', '.join(words)}."
    elif is_above["ood_score"]:
        said = "These pictures look unlike the training pictures."
    else:
        said = "These pictures look more alike than the training pictures."
    return f"{said} Labels are less reliable."


def _colour_words(is_above: dict[str, bool]) -> Iterator[str]:
    """Yields one word for the light where two or three colours agree, else one for each colour."""
    directions = {is_above[name] for name in _COLOURS if name in is_above}
    if len(directions) == 1 and sum(name in is_above for name in _COLOURS) > 1:
        yield "brighter" if True in directions else "darker"
    else:
        yield from _words(_COLOURS, is_above)


def _words(known: dict[str, tuple[str, str]], is_above: dict[str, bool]) -> Iterator[str]:
    for name, (above, below) in known.items():
        if name in is_above:
            yield above if is_above[name] else below
