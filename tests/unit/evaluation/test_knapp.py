import pytest

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.evaluation.inspectors import Verdict
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.knapp import (
    Detection,
    describe_criterion,
    detect,
    measure_zones,
    meets_criterion,
)


def detected(defective: int, verdicts: int, label: str) -> Detection:
    return Detection("a.png", "crack", verdicts, defective, label, 0.5)


def test_all_verdicts_of_all_inspectors_and_rounds_count():
    judgements = [
        Judgement("a.png", "", "crack", "crack", 0.9, (0.1, 0.9), None),
        Judgement("b.png", "", "good", NO_CAPSULE, 1.0, (), None),
        Judgement("c.png", "", "good", "good", 0.1, (0.9, 0.1), None),
    ]
    verdicts = [
        Verdict("b.png", "A", "good"),
        Verdict("a.png", "A", "crack", 1),
        Verdict("a.png", "A", "good", 2),
        Verdict("a.png", "B", "defective"),
        Verdict("elsewhere.png", "B", "defective"),
    ]
    assert detect(judgements, verdicts) == (
        Detection("a.png", "crack", 3, 2, "crack", 0.9),
        Detection("b.png", "good", 1, 0, NO_CAPSULE, 1.0),
    )


@pytest.mark.parametrize(
    ("defective", "verdicts", "zone"),
    [
        (0, 1, "accept"),
        (29, 100, "accept"),
        (3, 10, "grey"),
        (69, 100, "grey"),
        (7, 10, "reject"),
        (21, 30, "reject"),
        (5, 5, "reject"),
    ],
)
def test_zones_begin_at_three_and_seven_tenths(defective, verdicts, zone):
    assert detected(defective, verdicts, "good").zone == zone


def test_efficiency_is_the_mean_probability_of_people_and_the_share_of_the_model():
    accept, grey, reject = measure_zones(
        [
            detected(9, 10, "crack"),
            detected(8, 10, "good"),
            detected(7, 10, "poke"),
            detected(10, 10, NO_CAPSULE),
            detected(0, 10, "good"),
            detected(1, 10, "crack"),
        ]
    )
    assert (reject.pictures, reject.people) == (4, pytest.approx((0.9 + 0.8 + 0.7 + 1) / 4))
    assert reject.model is not None
    assert (reject.model.value, reject.model.n) == (0.75, 4)
    assert not reject.model_is_at_least
    assert accept.model is not None
    assert (accept.people, accept.model.value) == (pytest.approx(0.05), 0.5)
    assert (grey.pictures, grey.people, grey.model) == (0, None, None)
    assert meets_criterion((accept, grey, reject)) is False
    assert describe_criterion((accept, grey, reject)) == (
        "Of the 4 pictures in the reject zone, people reject 85.0% and the model 75.0%: Knapp's "
        "criterion is not met."
    )


def test_equal_efficiencies_meet_the_criterion_in_spite_of_rounding():
    # Six times five sixths are five; as floats, they may be more.
    zones = measure_zones([detected(5, 6, label) for label in (*["crack"] * 5, "good")])
    assert meets_criterion(zones) is True
    assert describe_criterion(zones).endswith("Knapp's criterion is met.")


def test_without_a_reject_zone_there_is_nothing_to_meet():
    zones = measure_zones([detected(0, 3, "good")])
    assert meets_criterion(zones) is None
    assert "No picture is in the reject zone" in describe_criterion(zones)
