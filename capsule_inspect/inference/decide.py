"""Decide on the label and the mask of a capsule."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import GOOD
from capsule_inspect.errors import UsageError
from capsule_inspect.imaging.crop import Crop
from capsule_inspect.imaging.region import Region
from capsule_inspect.inference.hint import Hint
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs
from capsule_inspect.text import as_written


@dataclass(frozen=True)
class Decision:
    """The decision about one capsule.

    Attributes:
        label: `good` or a defect class.
        confidence: Probability of the label; for `good`, 1 - defect_score. In [0, 1].
        defect_score: 1 - p(good) at the stored temperature, in [0, 1], with the six significant
            digits that rows hold. Processors differ in the last digits of an exponential.
        probabilities: float64 [classes], summing to 1.
        region: The defect's pixels at native resolution, none for a capsule labelled good; None for
            a model without a mask head.
        hint: What speaks for the defect, of a model without a mask head that gives hints; None for
            any other, and for a capsule labelled good.
    """

    label: str
    confidence: float
    defect_score: float
    probabilities: NDArray[np.float64]
    region: Region | None
    hint: Hint | None = None

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """The region as a mask of the picture's size, bool [H, W], made anew each time."""
        return None if self.region is None else self.region.mask()

    @property
    def is_defect(self) -> bool:
        """Whether the label is a defect class."""
        return self.label != GOOD

    @property
    def defect_area(self) -> int | None:
        """Native pixels of the region; None without one."""
        return None if self.region is None else self.region.area


def decide(
    outputs: Outputs,
    crop: Crop,
    shape: tuple[int, int],
    classes: tuple[str, ...],
    point: OperatingPoint,
) -> Decision:
    """Decides on a capsule's label and on which of its pixels are defect.

    The label is `good` exactly where the defect score is below the threshold, else the likeliest
    defect class. A pixel is defect where 1 - p(background) reaches the mask threshold.
    Probabilities are interpolated to native pixels, not labels.

    Args:
        outputs: The network's outputs for the crop.
        crop: Where the crop lies in its picture.
        shape: Height and width of the picture in pixels.
        classes: Class names in the order of the logits, `good` first.
        point: Temperature and thresholds.

    Returns:
        The label, the probabilities, and the region of the defect, or a hint where it is.
    """
    scaled = outputs.logits.astype(np.float64) / point.temperature
    probabilities = np.asarray(softmax(scaled), np.float64)
    defect_score = as_written(1 - probabilities[0])
    if defect_score < point.threshold:
        label, confidence = GOOD, 1 - defect_score
    else:
        best = 1 + int(np.argmax(probabilities[1:]))
        label, confidence = classes[best], float(probabilities[best])
    region = None
    if outputs.mask_logits is not None and label == GOOD:
        region = Region(shape, 0, 0, np.zeros((0, 0), np.bool_))
    elif outputs.mask_logits is not None:
        region = Region.of(defect_map(outputs.mask_logits, crop, shape) >= point.mask_threshold)
    hint = None
    if outputs.hint is not None and label != GOOD:
        hint = Hint.of(outputs.hint, crop, shape)
    return Decision(label, confidence, defect_score, probabilities, region, hint)


def defect_map(
    mask_logits: NDArray[np.float32], crop: Crop, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Returns the probability that a pixel is defect, for each native pixel.

    Args:
        mask_logits: float32 [h, w, classes], background first.
        crop: Where the crop lies in its picture.
        shape: Height and width of the picture in pixels.

    Returns:
        float32 [H, W]: 1 - p(background), 0 outside the window.
    """
    # One class after another: NumPy's sum over a short last axis takes three times as long.
    # Infinite odds are a probability of 1, and odds of 0 one of 0.
    with np.errstate(over="ignore", divide="ignore"):
        odds = sum(
            np.exp(mask_logits[..., k] - mask_logits[..., 0])
            for k in range(1, mask_logits.shape[-1])
        )
        # Not 1 - 1 / (1 + odds), which leaves nothing of small odds in float32.
        probability = np.asarray(1 / (1 + 1 / odds), np.float32)
    return crop.restore(probability, *shape)


def override_threshold(point: OperatingPoint, threshold: float | None) -> OperatingPoint:
    """Replaces the threshold of an operating point; temperature and mask threshold stay.

    Args:
        point: The model's own.
        threshold: A capsule is good exactly where its defect score is below this; None changes
            nothing.

    Returns:
        The operating point, without the rates to expect and the scores for review: they were
        chosen and measured at another threshold.

    Raises:
        UsageError: The threshold does not lie in [0, 1].
    """
    if threshold is None:
        return point
    if not 0 <= threshold <= 1:
        raise UsageError(f"The threshold is {threshold}, but must lie between 0 and 1.")
    return replace(
        point, threshold=threshold, chosen_by="set by the user", expected=(), review=None
    )


def softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Returns probabilities over the last axis, in the precision of the logits."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
