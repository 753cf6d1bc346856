import numpy as np
import pytest

from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import decide
from capsule_inspect.inference.hint import Hint
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

SHAPE = (20, 40)
(CROP,) = find_crops(np.zeros((*SHAPE, 3), np.uint8), Roi("whole", 40, 20, 36))

# The mean of these is 2, the highest is 6 above it.
SCORES = np.array([[8, 2, 0, -3], [5, 4, 1, -1]], np.float32)[..., None]


def test_levels_rise_from_the_mean_to_the_highest_place():
    levels = Hint.of(SCORES, CROP, SHAPE).levels
    assert levels.tolist() == [[1, 0, 0, 0], [0.5, pytest.approx(1 / 3), 0, 0]]
    assert levels.dtype == np.float32


@pytest.mark.parametrize(("factor", "shift"), [(0.01, 0.0), (1.0, -50.0), (20.0, 7.0)])
def test_only_differences_between_places_count(factor, shift):
    levels = Hint.of(factor * SCORES + np.float32(shift), CROP, SHAPE).levels
    assert levels == pytest.approx(Hint.of(SCORES, CROP, SHAPE).levels, abs=1e-4)


@pytest.mark.parametrize("value", [0.0, -3.7, 0.1, np.nan])
def test_where_all_places_speak_alike_there_is_no_hint(value):
    assert Hint.of(np.full((3, 7, 1), value, np.float32), CROP, SHAPE) is None


def test_the_map_has_each_place_where_it_is_in_the_picture():
    drawn = Hint.of(SCORES, CROP, SHAPE).map()
    assert drawn.shape == SHAPE
    # A place covers 10 x 10 pixels; beyond the centres of the outermost it counts as it is.
    assert drawn[:4, :4] == pytest.approx(1, abs=1e-6)
    assert drawn[15:, :4] == pytest.approx(0.5, abs=1e-6)
    assert (drawn[:, 30:] == 0).all()
    assert 0 < drawn[7, 9] < 1
    assert drawn.max() <= 1


def judge(*logits: float, hint=SCORES):
    outputs = Outputs(np.array(logits, np.float32), None, hint=hint)
    return decide(outputs, CROP, SHAPE, ("good", "crack"), OperatingPoint())


def test_a_defect_has_its_hint_and_still_no_mask_and_no_area():
    decision = judge(0, 3)
    assert decision.hint.levels.max() == 1
    assert decision.hint.shape == SHAPE
    assert (decision.region, decision.mask, decision.defect_area) == (None, None, None)


def test_a_good_capsule_has_no_hint_and_a_model_without_hints_gives_none():
    assert judge(3, 0).hint is None
    assert judge(0, 3, hint=None).hint is None
