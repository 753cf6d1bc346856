"""What makes a decision less sure than it looks."""

from collections.abc import Iterator

from capsule_inspect.imaging.crop import Crop
from capsule_inspect.inference.observation import Observation
from capsule_inspect.modelfile.training_statistics import TrainingStatistics

_MIN_SHARE_OF_LENGTH = 0.5
"""Of the length in the window: a smaller capsule is enlarged to more than twice its size."""
_MIN_SHARE_OF_SHARPNESS = 0.5
"""Of the least sharpness that training has seen."""


def find_warnings(
    crop: Crop, observation: Observation, statistics: TrainingStatistics | None
) -> Iterator[str]:
    """Yields a sentence for each reason not to trust a decision.

    Args:
        crop: Where the capsule lies.
        observation: What its window is like.
        statistics: What the training pictures were like; None where that is not known.
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
    sharpness, lowest = observation.look.sharpness, statistics.range_of("sharpness").low
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
