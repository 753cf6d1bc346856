import pytest

from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.threshold_settings import ThresholdSettings


@pytest.mark.parametrize(
    ("policy", "value", "reason"),
    [
        ("best", 0.0, "threshold.policy .*'best_f1'.*auto, best_f1, max_miss_rate"),
        ("max_miss_rate", 1.0, "below 1"),
        ("max_miss_rate", -0.01, "at least 0"),
        ("best_f1", 0.02, "max_miss_rate alone"),
        ("auto", 0.02, "max_miss_rate alone"),
    ],
)
def test_what_cannot_be_is_refused(policy, value, reason):
    with pytest.raises(ValueError, match=reason):
        ThresholdSettings(policy, value)


def test_auto_stands_for_what_was_chosen_before():
    earlier = OperatingPoint(policy="max_miss_rate", policy_value=0.02)
    assert ThresholdSettings().resolve(earlier) == ThresholdSettings("max_miss_rate", 0.02)
    assert ThresholdSettings("best_f1").resolve(earlier) == ThresholdSettings("best_f1")
