"""The numbers that turn network outputs into a decision."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OperatingPoint:
    """Where a model draws the line between good and defective.

    Attributes:
        temperature: Divides the label logits before the softmax; above 0.
        threshold: A capsule is good exactly where its defect score is below this; in [0, 1].
        mask_threshold: A pixel is defect where its defect probability is at least this; in [0, 1].
        chosen_by: How and on which pictures the numbers were chosen, for people.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    mask_threshold: float = 0.5
    chosen_by: str = "defaults, not chosen on data"
