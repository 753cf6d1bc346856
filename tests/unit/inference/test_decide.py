import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import UsageError
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import decide, defect_map, override_threshold, softmax
from capsule_inspect.modelfile.metadata import (
    Metric,
    OperatingPoint,
)
from capsule_inspect.modelfile.runtime import Outputs

CLASSES = ("good", "crack", "poke")
SHAPE = (20, 40)


def whole() -> Crop:
    return find_crops(np.zeros((*SHAPE, 3), np.uint8), Roi("whole", 40, 20, 36))[0]


DEFAULTS = OperatingPoint()


def judge(logits, point=DEFAULTS, mask_logits=None):
    outputs = Outputs(np.array(logits, np.float32), mask_logits)
    return decide(outputs, whole(), SHAPE, CLASSES, point)


def logits_of(*probabilities: float) -> list[float]:
    return [math.log(p) for p in probabilities]


def test_scores_are_the_softmax_of_the_logits():
    decision = judge(logits_of(0.7, 0.2, 0.1))
    assert decision.label == "good"
    assert not decision.is_defect
    assert decision.confidence == pytest.approx(0.7)
    assert decision.defect_score == pytest.approx(0.3)
    assert decision.probabilities == pytest.approx([0.7, 0.2, 0.1])


def test_temperature_divides_the_logits():
    # sqrt(.64), sqrt(.16), sqrt(.04) = .8, .4, .2, which sum to 1.4
    decision = judge(logits_of(0.64, 0.16, 0.04), OperatingPoint(temperature=2.0))
    assert decision.probabilities == pytest.approx([0.8 / 1.4, 0.4 / 1.4, 0.2 / 1.4])


def test_a_defective_capsule_gets_the_likeliest_defect_even_if_good_is_likelier():
    decision = judge(logits_of(0.6, 0.1, 0.3), OperatingPoint(threshold=0.3))
    assert decision.label == "poke"
    assert decision.is_defect
    assert decision.confidence == pytest.approx(0.3)


def test_a_score_at_the_threshold_is_a_defect():
    # Logits 0 and -inf give p(good) = 0.5 exactly.
    logits = [0.0, 0.0, -math.inf]
    assert judge(logits, OperatingPoint(threshold=0.5)).label == "crack"
    above = math.nextafter(0.5, 1.0)
    assert judge(logits, OperatingPoint(threshold=above)).label == "good"


@given(st.lists(st.floats(-40, 40), min_size=3, max_size=3), st.floats(0, 1))
def test_label_and_score_agree_at_any_threshold(logits, threshold):
    decision = judge(logits, OperatingPoint(threshold=threshold))
    assert (decision.label == "good") == (decision.defect_score < threshold)
    assert 0 <= decision.defect_score <= 1
    assert 0 <= decision.confidence <= 1
    assert decision.probabilities.sum() == pytest.approx(1)


def mask_logits(defect_probability: float) -> np.ndarray:
    values = np.zeros((10, 20, 3), np.float32)
    values[..., 0] = math.log(1 - defect_probability)
    values[..., 1] = math.log(defect_probability / 2)
    values[..., 2] = math.log(defect_probability / 2)
    return values


def test_a_pixel_is_defect_from_the_mask_threshold_on():
    defect = logits_of(0.1, 0.8, 0.1)
    for threshold, expected in ((0.6, True), (0.8, False)):
        decision = judge(defect, OperatingPoint(mask_threshold=threshold), mask_logits(0.7))
        assert decision.mask is not None
        assert decision.mask.shape == SHAPE
        assert (decision.mask[5:15, 10:30] == expected).all()
        assert decision.defect_area == decision.mask.sum()


def test_a_pixel_at_the_mask_threshold_is_defect():
    # Even odds of background and crack, and no poke: a probability of 0.5 exactly.
    even = np.zeros((10, 20, 3), np.float32)
    even[..., 2] = -math.inf
    defect = logits_of(0.1, 0.8, 0.1)
    for threshold, expected in ((0.5, True), (0.50001, False)):
        decision = judge(defect, OperatingPoint(mask_threshold=threshold), even)
        assert decision.mask is not None
        assert (decision.mask[5:15, 10:30] == expected).all()


def test_a_good_capsule_has_an_empty_mask():
    decision = judge(logits_of(0.9, 0.05, 0.05), DEFAULTS, mask_logits(0.99))
    assert decision.mask is not None
    assert decision.mask.shape == SHAPE
    assert not decision.mask.any()
    assert decision.defect_area == 0


def test_without_a_mask_head_there_is_no_mask():
    decision = judge(logits_of(0.1, 0.8, 0.1))
    assert decision.mask is None
    assert decision.defect_area is None


def test_softmax_takes_large_logits():
    assert softmax(np.array([1000.0, 1000.0, -1000.0])) == pytest.approx([0.5, 0.5, 0.0])


def test_the_defect_map_is_the_probability_of_not_background():
    restored = defect_map(mask_logits(0.7), whole(), SHAPE)
    assert restored.shape == SHAPE
    assert restored[5:15, 10:30] == pytest.approx(0.7, abs=1e-5)


OWN = OperatingPoint(2.0, 0.4, 0.3, "F1", "max_miss_rate", 0.1, (Metric("miss_rate", 0, 9, 0, 1),))


@given(st.floats(0, 1), st.floats(0.001, 0.999))
def test_a_threshold_given_decides_and_nothing_else_of_the_point_changes(threshold, score):
    point = override_threshold(OWN, threshold)
    assert (point.threshold, point.chosen_by, point.expected) == (threshold, "set by the user", ())
    assert replace(point, threshold=0.4, chosen_by="F1", expected=OWN.expected) == OWN
    decision = judge(logits_of(1 - score, score * 0.75, score * 0.25), point)
    assert (decision.label == "good") == (decision.defect_score < threshold)
    own = judge(logits_of(1 - score, score * 0.75, score * 0.25), OWN)
    assert decision.defect_score == own.defect_score


def test_without_a_threshold_the_point_stays():
    assert override_threshold(OWN, None) is OWN


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, math.inf])
def test_a_threshold_that_is_no_share_is_refused(threshold):
    with pytest.raises(UsageError, match=r"The threshold is .*between 0 and 1"):
        override_threshold(OWN, threshold)


@given(st.floats(-30, 30))
def test_a_score_has_six_significant_digits(logit):
    score = judge([0.0, logit, -math.inf]).defect_score
    exact = 1 / (1 + math.exp(-float(np.float32(logit))))
    assert float(f"{score:.5e}") == score
    assert score == pytest.approx(exact, rel=6e-6)
