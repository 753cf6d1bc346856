import pytest

from capsule_inspect.modelfile.metadata import OperatingPoint, ReviewBand
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.groups import ThresholdSettings
from capsule_inspect.settings.review_rates import ReviewRates


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        ("auto", None),
        ("none", None),
        ("0", ReviewRates(0.0, 0.0)),
        ("0.01", ReviewRates(0.01, 0.01)),
        ("0.005,0.02", ReviewRates(0.005, 0.02)),
    ],
)
def test_one_share_or_two_are_typed_as_they_are(given, rates):
    assert compose([f"threshold.review={given}"], None).threshold.review_rates == rates


@pytest.mark.parametrize("given", ["yes", "1", "-0.1", "nan", "0.1,0.2,0.3", "0.1,", ""])
def test_anything_else_is_refused_with_examples(given):
    with pytest.raises(ValueError, match=r"such as 0\.005,0\.01"):
        ThresholdSettings(review=given)


def test_auto_takes_the_rates_of_the_training():
    earlier = OperatingPoint(review=ReviewBand(0.1, 0.9, 0.02, 0.03))
    wanted = ThresholdSettings(policy="max_miss_rate", value=0.1)
    assert wanted.resolve(earlier).review_rates == ReviewRates(0.02, 0.03)
    assert wanted.resolve(OperatingPoint()).review_rates is None
    assert ThresholdSettings(review="none").resolve(earlier).review_rates is None
    assert ThresholdSettings(review="0").resolve(earlier).review_rates == ReviewRates(0.0, 0.0)
