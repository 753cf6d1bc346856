"""Warnings about a capsule: reasons to trust a decision less."""

from collections.abc import Iterator
from dataclasses import dataclass

from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.crop import Crop
from capsule_inspect.inference.decide import Decision
from capsule_inspect.modelfile.metadata import TrainingStatistics


@dataclass(frozen=True)
class Observation:
    """The appearance of one capsule, and its distance from the training pictures.

    Attributes:
        appearance: Colour, size, sharpness, compression and noise.
        ood_score: How unlike the training pictures it is, 1 on average over those; None if not
            known.
    """

    appearance: Appearance
    ood_score: float | None = None


_MIN_SHARE_OF_LENGTH = 0.5
"""Of the capsule's length in the window; a shorter one is enlarged to more than twice its size."""
_MIN_SHARE_OF_SHARPNESS = 0.5
"""Of the lowest sharpness among the training pictures."""
HARMLESS = {"blockiness": 1.4, "noise": 3.4}
"""What the default training adds to its pictures, and a little more, whatever they are. On MVTec's
capsules, JPEG of quality 30 has a blockiness of 1.4 or more, of quality 40 at most 1.4. Noise of 15
grey levels in the picture is 3.5 or more in the window, that of 10 at most 3.4."""
_MAX_MULTIPLE = 1.5
"""Of the highest value among the training pictures."""


def highest_usual(name: str, statistics: TrainingStatistics | None) -> float:
    """Returns the highest blockiness, or noise, that needs no warning.

    Args:
        name: One of `HARMLESS`.
        statistics: Statistics of the training pictures; None if not known. Those of older files
            lack these ranges.
    """
    known = () if statistics is None else statistics.ranges
    seen = [_MAX_MULTIPLE * each.high for each in known if each.name == name]
    return max([HARMLESS[name], *seen])


def find_warnings(
    crop: Crop, observation: Observation, statistics: TrainingStatistics | None
) -> Iterator[str]:
    """Yields a sentence for each reason not to trust a decision.

    Args:
        crop: Where the capsule lies.
        observation: The appearance of the capsule.
        statistics: Statistics of the training pictures; None if not known.
    """
    yield from _about_place(crop)
    yield from _about_quality(observation.appearance, statistics)
    if statistics is None:
        return
    ood_score = observation.ood_score
    if ood_score is not None and ood_score > statistics.ood_limit:
        yield (
            f"This does not look like the training pictures: its out-of-distribution score is "
            f"{ood_score:.1f}, the limit {statistics.ood_limit:.1f}."
        )


def warn_of_no_outline(decision: Decision) -> Iterator[str]:
    """Yields a sentence if a defect has no pixels, though the model tells where defects are."""
    if decision.is_defect and decision.defect_area == 0:
        yield "The model calls it defective but outlines nothing: no pixel is sure enough."


def _about_place(crop: Crop) -> Iterator[str]:
    box, roi, gap = crop.box, crop.roi, crop.gap
    if box.is_cut:
        yield "The capsule is cut by the picture's border."
    least = _MIN_SHARE_OF_LENGTH * roi.capsule_length
    if roi.mode == "capsule" and box.length < least:
        yield (
            f"The capsule is {box.length:.0f} pixels long, too few to see small defects: "
            f"{least:.0f} are needed."
        )
    if gap is not None and gap < crop.safe_gap:
        yield (
            f"Another object is {gap:.0f} pixels away, too near to judge the edge beside it: "
            f"{crop.safe_gap:.0f} are needed."
        )


def _about_quality(appearance: Appearance, statistics: TrainingStatistics | None) -> Iterator[str]:
    if statistics is not None:
        sharpness, lowest = appearance.sharpness, statistics.range_of("sharpness").low
        if sharpness < _MIN_SHARE_OF_SHARPNESS * lowest:
            yield (
                f"The picture is blurred: its sharpness is {sharpness:.1f}, that of the training "
                f"pictures at least {lowest:.1f}."
            )
    limit = highest_usual("blockiness", statistics)
    if appearance.blockiness > limit:
        yield (
            f"The picture is strongly compressed: its blockiness is {appearance.blockiness:.1f}, "
            f"the limit {limit:.1f}."
        )
    limit = highest_usual("noise", statistics)
    if appearance.noise > limit:
        yield (
            f"The picture is noisier than the training pictures: its noise is "
            f"{appearance.noise:.1f} grey levels, the limit {limit:.1f}."
        )
