"""Drawn capsules: what a data set, a segmenter and a person may rely on."""

from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.drawing.defects import DEFECTS

SIZE = 240
seeds = st.integers(min_value=0, max_value=2**40)
labels = st.sampled_from(("good", *DEFECTS))
few = settings(max_examples=15, deadline=None)


def grown(mask, by):
    side = 2 * by + 1
    return cv2.dilate(mask, np.ones((side, side), np.uint8)) > 0


def capsule_area(picture):
    """The largest area that differs from the ground, found as DESIGN's segmenter finds it."""
    small = picture.astype(np.float32)
    border = np.concatenate([small[:4].reshape(-1, 3), small[-4:].reshape(-1, 3)])
    distance = np.linalg.norm(small - np.median(border, axis=0), axis=2)
    clipped = np.clip(distance, 0, 255).astype(np.uint8)
    _, apart = cv2.threshold(clipped, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(apart)
    return (parts == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)


def sides(area):
    _, (width, height), _ = cv2.minAreaRect(cv2.findNonZero(area))
    return max(width, height), min(width, height)


@few
@given(labels, seeds, st.integers(128, 300), st.booleans())
def test_a_picture_and_its_mask_are_what_they_claim(label, seed, size, upright):
    drawn = draw_capsule(label, seed, size, upright)

    assert drawn.label == label
    assert drawn.picture.dtype == drawn.mask.dtype == np.uint8
    assert drawn.picture.shape == (size, size, 3)
    assert drawn.mask.shape == (size, size)
    assert set(np.unique(drawn.mask)) == ({0} if label == "good" else {0, 255})


@few
@given(labels, seeds)
def test_a_seed_draws_the_same_picture_again(label, seed):
    first, again = (draw_capsule(label, seed, SIZE) for _ in range(2))

    np.testing.assert_array_equal(first.picture, again.picture)
    np.testing.assert_array_equal(first.mask, again.mask)


def test_other_seeds_draw_other_pictures():
    pictures = [draw_capsule("good", seed, SIZE).picture for seed in (1, 2, [1, 2], [2, 1])]

    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert np.abs(one.astype(int) - other).max() > 50


def test_a_list_of_one_number_is_that_number():
    np.testing.assert_array_equal(
        draw_capsule("poke", 7, SIZE).picture, draw_capsule("poke", [7], SIZE).picture
    )


@few
@given(st.sampled_from(DEFECTS), seeds)
def test_a_defect_changes_what_its_mask_covers_and_nothing_else(label, seed):
    drawn, twin = draw_capsule(label, seed, SIZE), draw_capsule("good", seed, SIZE)
    change = np.abs(drawn.picture.astype(int) - twin.picture).max(axis=2)

    # A crushed capsule throws another shadow, soft and light; the others share their twin's.
    # The edge of an imprint is soft.
    most = {"squeeze": 45, "faulty_imprint": 32}.get(label, 16)
    assert change[~grown(drawn.mask, 4)].max() <= most
    assert change[drawn.mask > 0].mean() > 8


@few
@given(labels, seeds, st.booleans())
def test_a_segmenter_finds_one_whole_capsule_and_the_defect_lies_on_it(label, seed, upright):
    drawn = draw_capsule(label, seed, SIZE, upright)
    area = capsule_area(drawn.picture)
    length, width = sides(area)

    # 0.55 to 1.02 of 830 to 880 in 1000, and crushed ends; pinched flanks make it wider.
    assert 0.55 * 720 < length / SIZE * 1000 < 1.02 * 900
    assert 2.2 < length / width < 3.5
    edges = np.concatenate([area[0], area[-1], area[:, 0], area[:, -1]])
    assert not edges.any()
    if label != "good":
        hull = cv2.convexHull(cv2.findNonZero(area))
        cv2.fillConvexPoly(area, hull, 1)
        near = grown(area, SIZE * 3 // 20 if label == "squeeze" else 3)
        assert not drawn.mask[~near].any()


@few
@given(seeds)
def test_both_halves_stand_out_from_the_ground_and_from_each_other(seed):
    drawn = draw_capsule("good", seed, SIZE, upright=True)
    rows, columns = np.nonzero(cv2.erode(capsule_area(drawn.picture), np.ones((15, 15))))
    left = drawn.picture[rows[columns < SIZE * 0.4], columns[columns < SIZE * 0.4]]
    right = drawn.picture[rows[columns > SIZE * 0.6], columns[columns > SIZE * 0.6]]
    dark, light = np.median(left, axis=0), np.median(right, axis=0)
    ground = np.median(drawn.picture[:6].reshape(-1, 3), axis=0)

    assert np.linalg.norm(dark - light) > 60
    assert np.linalg.norm(light - ground) > 80
    assert np.linalg.norm(dark - ground) > np.linalg.norm(light - ground)


@pytest.mark.parametrize("label", DEFECTS)
def test_defects_are_large_enough_to_see(label):
    least = 0.08 if label == "squeeze" else 0.003
    shares = []
    for seed in range(30):
        drawn = draw_capsule(label, seed, SIZE)
        shares.append((drawn.mask > 0).sum() / capsule_area(drawn.picture).sum())
    # Of a faulty imprint, a few letters can change by a thin stroke alone.
    assert sum(share <= least for share in shares) <= (2 if label == "faulty_imprint" else 0)
    assert min(shares) > 0


@pytest.mark.parametrize(
    ("label", "seed", "size", "complaint"),
    [
        ("cracked", 0, SIZE, "'cracked'; it can be one of good, crack, .*, squeeze\\."),
        ("good", -1, SIZE, "non-negative"),
        ("good", 0, 127, "127 pixels; the least is 128"),
    ],
)
def test_what_cannot_be_drawn_is_refused(label, seed, size, complaint):
    with pytest.raises(ValueError, match=complaint):
        draw_capsule(label, seed, size)


@given(st.integers(0, 300), st.integers(0, 2**40))
def test_labels_are_half_good_and_even_over_the_defects(count, seed):
    drawn = draw_labels(count, seed)
    counts = Counter(drawn)

    assert len(drawn) == count
    assert counts["good"] == count - count // 2
    each = [counts[label] for label in DEFECTS]
    assert sum(each) == count // 2
    assert max(each) - min(each) <= 1


def test_labels_are_shuffled_by_the_seed():
    assert draw_labels(40, 1) == draw_labels(40, 1)
    assert draw_labels(40, 1) != draw_labels(40, 2)
