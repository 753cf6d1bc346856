"""What makes a decision less sure than it looks."""

from collections.abc import Iterator

from capsule_inspect.imaging.crop import Crop
from capsule_inspect.imaging.look import Look
from capsule_inspect.modelfile.training_statistics import TrainingStatistics

_LEAST_SHARE_OF_LENGTH = 0.5
"""Of the length in the window: a smaller capsule is enlarged to more than twice its size."""
_LEAST_SHARE_OF_SHARPNESS = 0.5
"""Of the least sharpness that training has seen."""


def find_doubts(
    crop: Crop, look: Look, ood_score: float | None, seen: TrainingStatistics | None
) -> Iterator[str]:
    """Yields a sentence for each reason not to trust a decision.

    Args:
        crop: Where the capsule lies.
        look: What its window looks like.
        ood_score: How unlike the training pictures it is; None where that is not known.
        seen: What the training pictures were like; None where that is not known.
    """
    box, roi = crop.box, crop.roi
    if box.is_cut:
        yield "The capsule is cut by the picture's border."
    least = _LEAST_SHARE_OF_LENGTH * roi.capsule_length
    if roi.mode == "capsule" and box.length < least:
        yield (
            f"The capsule is {box.length:.0f} pixels long, too few to see small defects: "
            f"{least:.0f} are needed."
        )
    if seen is None:
        return
    sharp = seen.range_of("sharpness").low
    if look.sharpness < _LEAST_SHARE_OF_SHARPNESS * sharp:
        yield (
            f"The picture is blurred: its sharpness is {look.sharpness:.1f}, that of the training "
            f"pictures at least {sharp:.1f}."
        )
    if ood_score is not None and ood_score > seen.ood_limit:
        yield (
            f"This does not look like the training pictures: its out-of-distribution score is "
            f"{ood_score:.1f}, the limit {seen.ood_limit:.1f}."
        )
