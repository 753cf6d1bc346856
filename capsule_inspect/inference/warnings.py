"""Warnings about a capsule: reasons to trust a decision less."""

from collections.abc import Iterator
from dataclasses import dataclass

from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.crop import Crop
from capsule_inspect.modelfile.metadata import TrainingStatistics


@dataclass(frozen=True)
class Observation:
    """The appearance of one capsule, and its distance from the training pictures.

    Attributes:
        appearance: Colour, size and sharpness.
        ood_score: How unlike the training pictures it is, 1 on average over those; None if not
            known.
    """

    appearance: Appearance
    ood_score: float | None = None


_MIN_SHARE_OF_LENGTH = 0.5
"""Of the capsule's length in the window; a shorter one is enlarged to more than twice its size."""
_MIN_SHARE_OF_SHARPNESS = 0.5
"""Of the lowest sharpness among the training pictures."""


def find_warnings(
    crop: Crop, observation: Observation, statistics: TrainingStatistics | None
) -> Iterator[str]:
    """Yields a sentence for each reason not to trust a decision.

    Args:
        crop: Where the capsule lies.
        observation: The appearance of the capsule.
        statistics: Statistics of the training pictures; None if not known.
    """
    box, roi = crop.box, crop.roi
    if box.is_cut:
        yield "The capsule is cut by the picture's border."
    least = _MIN_SHARE_OF_LENGTH * roi.capsule_length
    if roi.mode == "capsule" and box.length < least:
        yield (
            f"The capsule is {box.length:.0f} pixels long, too few to see small defects: "
            f"{least:.0f} are needed."
        )
    if statistics is None:
        return
    sharpness, lowest = observation.appearance.sharpness, statistics.range_of("sharpness").low
    if sharpness < _MIN_SHARE_OF_SHARPNESS * lowest:
        yield (
            f"The picture is blurred: its sharpness is {sharpness:.1f}, that of the training "
            f"pictures at least {lowest:.1f}."
        )
    ood_score = observation.ood_score
    if ood_score is not None and ood_score > statistics.ood_limit:
        yield (
            f"This does not look like the training pictures: its out-of-distribution score is "
            f"{ood_score:.1f}, the limit {statistics.ood_limit:.1f}."
        )
