"""The settings of the decision between good and defective."""

from dataclasses import dataclass

from capsule_inspect.allowed import require_choice, require_range
from capsule_inspect.modelfile.operating_point import POLICIES, OperatingPoint

AUTO = "auto"
"""Stands for the policy of the network, and for `best_f1` where it has none yet."""


@dataclass(frozen=True)
class ThresholdSettings:
    """What the threshold of the defect score is chosen for.

    Attributes:
        policy: `best_f1` (as few mistakes as possible), `max_miss_rate` (the fewest false alarms
            with no more than `value` of the defects missed) or `auto` (what the network was trained
            with; in training, `best_f1`).
        value: Share of the defective pictures that may be missed, in [0, 1).
    """

    policy: str = AUTO
    value: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError if policy and value do not go together."""
        require_choice("threshold.policy", self.policy, (AUTO, *POLICIES))
        require_range("threshold.value", self.value, at_least=0, below=1)
        if self.value and self.policy != "max_miss_rate":
            raise ValueError("threshold.value is for threshold.policy=max_miss_rate alone.")

    def resolve(self, earlier: OperatingPoint) -> "ThresholdSettings":
        """Returns these settings, with those of an earlier choice in the place of `auto`."""
        if self.policy != AUTO:
            return self
        return ThresholdSettings(earlier.policy, earlier.policy_value)
