import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from capsule_inspect.evaluation.overlap import Overlap, measure_overlap

MASKS = arrays.array_shapes(min_dims=2, max_dims=2, max_side=7).flatmap(
    lambda shape: st.tuples(arrays.arrays(np.bool_, shape), arrays.arrays(np.bool_, shape))
)


def pixels(mask) -> set[tuple[int, int]]:
    return {(y, x) for y in range(mask.shape[0]) for x in range(mask.shape[1]) if mask[y, x]}


@given(MASKS)
def test_overlap_is_that_of_the_sets_of_pixels(masks):
    a, b = map(pixels, masks)
    overlap = measure_overlap(*masks)
    assert overlap == Overlap(intersection=len(a & b), predicted=len(a), true=len(b))
    if a | b:
        assert overlap.dice == pytest.approx(2 * len(a & b) / (len(a) + len(b)))
        assert overlap.iou == pytest.approx(len(a & b) / len(a | b))


@given(MASKS)
def test_dice_and_iou_keep_their_laws(masks):
    overlap = measure_overlap(*masks)
    assert 0 <= overlap.iou <= overlap.dice <= 1
    assert overlap.dice == pytest.approx(2 * overlap.iou / (1 + overlap.iou))
    turned = measure_overlap(masks[1], masks[0])
    assert (turned.dice, turned.iou) == (overlap.dice, overlap.iou)
    same = measure_overlap(masks[0], masks[0])
    assert (same.dice, same.iou) == (1, 1)


def test_empty_masks_agree_and_an_empty_prediction_of_a_defect_scores_nothing():
    assert (Overlap(0, 0, 0).dice, Overlap(0, 0, 0).iou) == (1, 1)
    assert (Overlap(0, 0, 9).dice, Overlap(0, 0, 9).iou) == (0, 0)
    assert (Overlap(0, 9, 0).dice, Overlap(0, 9, 0).iou) == (0, 0)


def test_counts_worked_out_by_hand():
    overlap = Overlap(intersection=3, predicted=4, true=8)
    assert overlap.dice == pytest.approx(0.5)
    assert overlap.iou == pytest.approx(1 / 3)
