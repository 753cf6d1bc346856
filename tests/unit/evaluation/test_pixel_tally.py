import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.evaluation.pixel_tally import (
    LEVELS,
    quantize,
    tally_findings,
    tally_pixels,
)
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import defect_map
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.modelfile.outputs import Outputs

ROI = Roi("whole", 8, 4, 7)


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_a_likelier_pixel_has_no_lower_level(one, other):
    low, high = quantize(np.array(sorted((one, other)), np.float32))
    assert 0 <= low <= high < LEVELS


@given(st.floats(-16, 16))
def test_levels_are_even_steps_of_log_odds(logit):
    probability = np.float32(1 / (1 + math.exp(-logit)))
    exact = math.log(float(probability)) - math.log1p(-float(probability))
    step = 36 / (LEVELS - 1)  # from -18 to 18
    level = int(quantize(np.array([probability]))[0])
    assert abs((-18 + level * step) - exact) <= step / 2 + 1e-9


def test_certainty_is_at_either_end():
    assert quantize(np.array([0, 0.5, 1], np.float32)).tolist() in (
        [0, LEVELS // 2, LEVELS - 1],
        [0, LEVELS // 2 - 1, LEVELS - 1],
    )
    assert quantize(np.zeros((2, 3), np.float32)).shape == (2, 3)


def test_pixels_are_counted_by_truth_and_region():
    # Two regions: three pixels that touch at their corners, and one on its own.
    truth = np.array([[1, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0]], bool)
    scores = np.array([[0.9, 0, 0, 0.2], [0, 0.9, 0, 0.9], [0.5, 0.2, 0, 0]], np.float32)
    tally = tally_pixels(scores, truth)
    none, low, middle, high = quantize(np.array([0, 0.2, 0.5, 0.9], np.float32)).tolist()
    assert tally.regions == 2
    assert (tally.sound_levels.tolist(), tally.sound_counts.tolist()) == ([none, low], [6, 2])
    assert tally.defect_levels.tolist() == [middle, high]
    assert tally.defect_counts.tolist() == [1, 3]
    assert tally.region_shares.tolist() == pytest.approx([1 / 3, 2 / 3 + 1])


def test_a_good_picture_has_sound_pixels_only():
    tally = tally_pixels(np.full((4, 5), 0.3, np.float32), np.zeros((4, 5), bool))
    assert tally.regions == 0
    assert tally.sound_counts.tolist() == [20]
    assert tally.defect_levels.size == tally.defect_counts.size == tally.region_shares.size == 0


def inspect(mask_logits, label_logits=(0, 4)):
    """What is found in a blank picture by a network that always says the same."""
    outputs = Outputs(np.array(label_logits, np.float32), mask_logits)
    network = Inspector(lambda _: outputs, ("good", "crack"), ROI, OperatingPoint())
    return network.inspect(np.zeros((4, 8, 3), np.uint8))


def half_sure(column):
    logits = np.zeros((4, 8, 2), np.float32)
    logits[:, :, 0] = 5
    logits[:, column] = (0, 1)
    return logits


def test_the_map_is_scored_whatever_the_label():
    truth = np.zeros((4, 8), bool)
    truth[:, 2] = True
    findings = inspect(half_sure(2), label_logits=(9, 0))
    assert findings[0].decision.label == "good"
    assert not findings[0].decision.mask.any()
    tally = tally_findings(findings, truth)
    likely = 1 / (1 + math.exp(-1))
    assert tally.defect_levels.tolist() == quantize(np.array([likely], np.float32)).tolist()
    assert tally.defect_counts.tolist() == [4]


def test_of_several_capsules_the_largest_value_counts():
    truth = np.zeros((4, 8), bool)
    one, other = inspect(half_sure(2)), inspect(half_sure(5))
    both = tally_findings((*one, *other), truth)
    crop = find_crops(np.zeros((4, 8, 3), np.uint8), ROI)[0]
    maps = [defect_map(half_sure(column), crop, (4, 8)) for column in (2, 5)]
    expected = np.unique(quantize(np.maximum(*maps)), return_counts=True)
    assert both.sound_levels.tolist() == expected[0].tolist()
    assert both.sound_counts.tolist() == expected[1].tolist()


def test_a_picture_without_a_capsule_is_unlikely_all_over():
    truth = np.zeros((4, 8), bool)
    truth[0, 0] = True
    tally = tally_findings((), truth)
    assert tally.defect_levels.tolist() == tally.sound_levels.tolist() == [0]
    assert (tally.defect_counts.tolist(), tally.sound_counts.tolist()) == ([1], [31])


def test_a_model_without_a_mask_head_has_no_pixels():
    assert tally_findings(inspect(None), np.zeros((4, 8), bool)) is None
