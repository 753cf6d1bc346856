import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score, roc_auc_score

from capsule_inspect.evaluation.pixels import (
    LEVELS,
    PIXEL_METRICS,
    Overlap,
    measure_overlap,
    measure_pixels,
    quantize,
    tally_findings,
    tally_pixels,
)
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import defect_map
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

SHAPE = (5, 6)
SCORES = arrays.arrays(
    np.float32, SHAPE, elements=st.sampled_from([0, 1e-7, 0.01, 0.2, 0.5, 0.51, 0.93, 1.0])
)
TRUTHS = arrays.arrays(np.bool_, SHAPE) | st.just(np.zeros(SHAPE, bool))
PICTURES = st.lists(st.tuples(SCORES, TRUTHS), min_size=1, max_size=4)


def both_kinds(pictures) -> bool:
    truth = np.concatenate([truth.ravel() for _, truth in pictures])
    return bool(truth.any() and not truth.all())


def values(pictures) -> dict[str, float]:
    metrics = measure_pixels([tally_pixels(*picture) for picture in pictures])
    return {metric.name: metric.value for metric in metrics}


def find_regions(truth) -> list[set[tuple[int, int]]]:
    """The sets of pixels that touch by side or corner, by flooding."""
    left = {(y, x) for y in range(truth.shape[0]) for x in range(truth.shape[1]) if truth[y, x]}
    regions = []
    while left:
        front, region = [left.pop()], set()
        while front:
            y, x = front.pop()
            region.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            front += near
        regions.append(region)
    return regions


def naive_aupro(pictures, limit=0.3) -> float:
    """Every threshold in turn; straight lines between them; cut off at the limit."""
    scored = [(quantize(scores), truth) for scores, truth in pictures]
    sound = sum(int((~truth).sum()) for _, truth in scored)
    curve = [(0.0, 0.0)]
    for threshold in sorted({int(v) for levels, _ in scored for v in levels.flat}, reverse=True):
        false_positives, overlaps = 0, []
        for levels, truth in scored:
            false_positives += int(((levels >= threshold) & ~truth).sum())
            for region in find_regions(truth):
                hit = sum(levels[pixel] >= threshold for pixel in region)
                overlaps.append(hit / len(region))
        curve.append((false_positives / sound, sum(overlaps) / len(overlaps)))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 >= limit:
            break
        end = min(x1, limit)
        height = y0 if x1 == x0 else y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + height) / 2
    return area / limit


@settings(deadline=None, max_examples=40)
@given(PICTURES.filter(both_kinds))
def test_both_agree_with_independent_references(pictures):
    measured = values(pictures)
    truth = np.concatenate([truth.ravel() for _, truth in pictures])
    levels = np.concatenate([quantize(scores).ravel() for scores, _ in pictures])
    assert measured["pixel_auroc"] == pytest.approx(roc_auc_score(truth, levels), abs=1e-9)
    assert measured["aupro"] == pytest.approx(naive_aupro(pictures), abs=1e-9)


def smooth_pictures(count, seed):
    """Pictures of many different scores, every second one with two defects that score higher."""
    generator = np.random.default_rng(seed)
    for index in range(count):
        truth = np.zeros((20, 24), bool)
        if index % 2:
            truth[2:5, 3:9] = truth[12:15, 10:12] = True
        logits = generator.normal(-3, 2, truth.shape) + 2.5 * truth
        yield (1 / (1 + np.exp(-logits))).astype(np.float32), truth


def test_both_agree_with_independent_references_on_many_levels():
    pictures = list(smooth_pictures(4, 1))
    measured = values(pictures)
    truth = np.concatenate([truth.ravel() for _, truth in pictures])
    levels = np.concatenate([quantize(scores).ravel() for scores, _ in pictures])
    assert len(set(levels.tolist())) > 256  # more than two blocks
    f1s = [f1_score(truth, levels >= level) for level in set(levels.tolist())]
    assert measured["pixel_f1"] == pytest.approx(max(f1s), abs=1e-9)
    assert measured["pixel_auroc"] == pytest.approx(roc_auc_score(truth, levels), abs=1e-9)
    assert measured["aupro"] == pytest.approx(naive_aupro(pictures), abs=1e-9)


def test_a_curve_worked_out_by_hand():
    # Eleven sound pixels; regions of one and of two pixels.
    truth = np.array([[1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]], bool)
    scores = np.full(truth.shape, 0.1, np.float32)
    scores[0, 0] = 0.9  # first the one region: overlap 1/2
    scores[0, 3] = scores[1, 4] = 0.8  # then one sound pixel of eleven and a half region: 3/4
    auroc, aupro, f1 = measure_pixels([tally_pixels(scores, truth)])
    # (0, .5) to (1/11, .75), then on the way to (1, 1) up to .3
    end = 0.75 + 0.25 * (0.3 - 1 / 11) / (10 / 11)
    area = (1 / 11) * (0.5 + 0.75) / 2 + (0.3 - 1 / 11) * (0.75 + end) / 2
    assert aupro.value == pytest.approx(area / 0.3, abs=1e-12)
    # of 33 pairs: 11, then 10 and a tie, then 10 ties
    assert auroc.value == pytest.approx((11 + 10.5 + 5) / 33, abs=1e-12)
    assert (auroc.name, auroc.n, aupro.name, aupro.n) == ("pixel_auroc", 1, "aupro", 1)
    # At .9 one of three defect pixels and no alarm: 2 / 4. At .8 two and one alarm: 4 / 6.
    assert (f1.name, f1.n) == ("pixel_f1", 1)
    assert f1.value == pytest.approx(2 / 3, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(PICTURES.filter(both_kinds), st.randoms(use_true_random=False))
def test_the_order_of_pictures_does_not_matter(pictures, random):
    shuffled = random.sample(pictures, len(pictures))
    assert values(shuffled) == pytest.approx(values(pictures), abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(PICTURES.filter(both_kinds))
def test_only_the_order_of_scores_matters(pictures):
    # Halved odds keep the order; 0 and 1 stay what they are.
    halved = [((scores / (2 - scores)).astype(np.float32), truth) for scores, truth in pictures]
    assert values(halved) == pytest.approx(values(pictures), abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(PICTURES.filter(both_kinds))
def test_a_perfect_map_scores_one_and_its_opposite_nothing(pictures):
    perfect = [(0.2 + 0.5 * truth.astype(np.float32), truth) for _, truth in pictures]
    assert values(perfect) == pytest.approx(dict.fromkeys(PIXEL_METRICS, 1), abs=1e-12)
    assert max(values(perfect).values()) <= 1
    opposite = [(1 - scores, truth) for scores, truth in perfect]
    defects = sum(int(truth.sum()) for _, truth in opposite)
    pixels = sum(truth.size for _, truth in opposite)
    # Nothing is better than to call all pixels defective.
    best = 2 * defects / (pixels + defects)
    expected = {"pixel_auroc": 0, "aupro": 0, "pixel_f1": best}
    assert values(opposite) == pytest.approx(expected, abs=1e-12)


def test_a_map_that_says_nothing_scores_as_chance():
    measured = values([(np.full(SHAPE, 0.4, np.float32), np.eye(*SHAPE, dtype=bool))])
    # One straight line from (0, 0) to (1, 1): up to .3 its mean height is .15.
    # All are called defective, or none: 5 of 30 pixels are.
    best = 2 * 5 / (30 + 5)
    assert measured == pytest.approx({"pixel_auroc": 0.5, "aupro": 0.15, "pixel_f1": best})


def test_small_regions_weigh_as_much_as_large_ones():
    truth = np.zeros((10, 40), bool)
    truth[:, :20], truth[4, 30] = True, True
    scores = np.where(truth, 0.9, 0.1).astype(np.float32)
    scores[4, 30] = 0.05  # the small one is missed by every threshold that means anything
    measured = values([(scores, truth)])
    assert measured["pixel_auroc"] > 0.99
    assert measured["aupro"] == pytest.approx(0.5)


def test_without_pixels_of_both_kinds_there_is_nothing_to_measure():
    scores = np.full(SHAPE, 0.5, np.float32)
    assert measure_pixels([]) == ()
    assert measure_pixels([tally_pixels(scores, np.zeros(SHAPE, bool))]) == ()
    assert measure_pixels([tally_pixels(scores, np.ones(SHAPE, bool))]) == ()


def test_samples_without_sound_pixels_do_not_count():
    scores = np.linspace(0, 1, 30, dtype=np.float32).reshape(SHAPE)
    all_defect, half = np.ones(SHAPE, bool), scores > 0.5
    metrics = measure_pixels([tally_pixels(scores, all_defect), tally_pixels(scores, half)])
    assert all(0 <= metric.low <= metric.high <= 1 for metric in metrics)


def test_equal_pictures_leave_no_doubt():
    good, bad = smooth_pictures(2, 3)
    metrics = measure_pixels([tally_pixels(*each) for each in (good, good, good, bad, bad)])
    for metric in metrics:
        assert (metric.low, metric.high) == pytest.approx((metric.value, metric.value))


def test_intervals_are_those_of_resampled_pictures():
    pictures = list(smooth_pictures(16, 5))
    # Pictures differ, or there would be nothing to resample.
    pictures = [(scores ** (1 + i % 3), truth) for i, (scores, truth) in enumerate(pictures)]
    metric = measure_pixels([tally_pixels(*each) for each in pictures])[0]
    assert metric == measure_pixels([tally_pixels(*each) for each in pictures])[0]
    generator = np.random.default_rng(99)
    areas = []
    for _ in range(200):
        picks = [*generator.choice(range(0, 16, 2), 8), *generator.choice(range(1, 16, 2), 8)]
        truth = np.concatenate([pictures[i][1].ravel() for i in picks])
        areas.append(roc_auc_score(truth, np.concatenate([pictures[i][0].ravel() for i in picks])))
    low, high = np.quantile(areas, (0.025, 0.975))
    assert metric.low < metric.value < metric.high
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=0.2 * (high - low))


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
