"""The numbers that turn network outputs into a decision."""

from dataclasses import dataclass

from capsule_inspect.modelfile.metric import Metric

POLICIES = ("best_f1", "max_miss_rate")
"""What a threshold can be chosen for."""


@dataclass(frozen=True)
class OperatingPoint:
    """Where a model draws the line between good and defective.

    Attributes:
        temperature: Divides the label logits before the softmax; above 0.
        threshold: A capsule is good exactly where its defect score is below this; in [0, 1].
        mask_threshold: A pixel is defect where its defect probability is at least this; in [0, 1].
        chosen_by: How and on which pictures the numbers were chosen, for people.
        policy: What the threshold was chosen for, one of `POLICIES`.
        policy_value: The miss rate that `max_miss_rate` allows; 0 with `best_f1`.
        expected: `false_alarm_rate` and `miss_rate` to expect, measured on pictures that had no
            part in the choice of the threshold they were judged by; empty where nothing is known.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    mask_threshold: float = 0.5
    chosen_by: str = "defaults, not chosen on data"
    policy: str = "best_f1"
    policy_value: float = 0.0
    expected: tuple[Metric, ...] = ()
