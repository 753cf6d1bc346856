import re
from dataclasses import replace

import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI
from stadia import Stadium, draw

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.crop import crop_capsule, find_crops
from capsule_inspect.imaging.find_capsules import CapsuleBox, find_capsules
from capsule_inspect.inference.warnings import Observation, find_warnings
from capsule_inspect.modelfile.metadata import (
    RANGE_NAMES,
    Range,
    TrainingStatistics,
)


def statistics_with(blockiness: float, noise: float) -> TrainingStatistics:
    """Statistics of training pictures of at most this blockiness and noise."""
    highest = {"blockiness": blockiness, "noise": noise}
    ranges = tuple(Range(name, 8.0, highest.get(name, 400.0)) for name in RANGE_NAMES)
    return TrainingStatistics((0.0,), (1.0,), 10.0, ranges)


STATISTICS = statistics_with(blockiness=0.6, noise=0.6)
OLD = replace(STATISTICS, ranges=(*STATISTICS.ranges[:5], STATISTICS.ranges[-1]))
"""Of a file of format 3, which knows no compression and no noise."""


def warnings(
    length=400.0,
    sharpness=20.0,
    score=1.0,
    statistics=STATISTICS,
    is_cut=False,
    mode="capsule",
    blockiness=0.5,
    noise=0.5,
):
    box = CapsuleBox(500, 500, length, length / 3, 0, 1000, is_cut)
    crop = crop_capsule(box, replace(CAPSULE_ROI, mode=mode))
    observation = Observation(Appearance(0, 0, 0, length, sharpness, blockiness, noise), score)
    return list(find_warnings(crop, observation, statistics))


def test_a_usual_capsule_raises_none():
    assert warnings() == []
    assert warnings(statistics=None, score=None) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_cut": True}, "cut by the picture's border"),
        ({"length": 213.0}, "213 pixels long.*214"),
        ({"sharpness": 3.9}, "blurred.*3.9.*8.0"),
        ({"score": 10.1}, "does not look like the training.*10.1.*10.0"),
        ({"blockiness": 1.5}, "strongly compressed.*1.5.*1.4"),
        ({"blockiness": 1.5, "statistics": OLD}, "strongly compressed.*1.5.*1.4"),
        ({"blockiness": 1.5, "statistics": None}, "strongly compressed.*1.5.*1.4"),
        ({"noise": 3.5}, "noisier than the training.*3.5 grey levels.*3.4"),
        ({"noise": 3.5, "statistics": OLD}, "noisier than the training.*3.5 grey levels.*3.4"),
        # Half as much again as the worst training picture.
        ({"blockiness": 6.1, "statistics": statistics_with(4, 0)}, "compressed.*6.1.*6.0"),
        ({"noise": 9.1, "statistics": statistics_with(0, 6)}, "noisier.*9.1.*9.0"),
    ],
)
def test_each_reason_is_named(change, words):
    (warning,) = warnings(**change)
    assert re.search(words, warning)


@pytest.mark.parametrize(
    "change",
    [
        {"length": 214.0},
        {"sharpness": 4.0},
        {"score": 10.0},
        {"blockiness": 1.4},
        {"noise": 3.4},
        {"blockiness": 6.0, "statistics": statistics_with(4, 0)},
        {"noise": 9.0, "statistics": statistics_with(0, 6)},
    ],
)
def test_the_limits_themselves_pass(change):
    assert warnings(**change) == []


@pytest.mark.parametrize(("gap", "warns"), [(0, True), (3, True), (30, False)])
def test_an_object_too_near_to_tell_the_edges_apart_is_named(gap, warns):
    # 300 pixels long, so 6 pixels of the window are 4.2 of the picture, and 12 are seen beside it.
    own = Stadium(250, 200, 300, 100, 0)
    for crop in find_crops(draw(500, own, own.beside(gap)), CAPSULE_ROI):
        observation = Observation(Appearance(0, 0, 0, 400, 20, 0, 0))
        said = list(find_warnings(crop, observation, None))
        assert bool(said) == warns
        assert all(
            re.search("Another object is . pixels away.* 4 are needed", each) for each in said
        )


@pytest.mark.slow
def test_in_a_large_picture_outlines_are_known_less_well_so_the_gap_must_be_wider():
    # A pixel of the small copy, 250 wide, is 8 of the picture: 2.1 of them are 16.8.
    own = Stadium(1000, 800, 800, 270, 0)
    for gap, warns in ((6, True), (40, False)):
        for crop in find_crops(draw(2000, own, own.beside(gap)), CAPSULE_ROI):
            observation = Observation(Appearance(0, 0, 0, 400, 20, 0, 0))
            said = list(find_warnings(crop, observation, None))
            assert [bool(re.search("away.* 17 are needed", each)) for each in said] == [
                True
            ] * warns


def test_a_whole_picture_is_never_too_short():
    assert warnings(length=100.0, mode="whole") == []


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
def test_a_capsule_that_leaves_the_picture_is_cut(edge):
    picture = draw_capsule("good", 3, 400, upright=True).picture
    (box,) = find_capsules(picture)
    assert not box.is_cut
    x, y = round(box.x), round(box.y)
    # A little more than the end, or the side, of the capsule is cut away.
    parts = {
        "left": np.s_[:, x - round(0.4 * box.length) :],
        "right": np.s_[:, : x + round(0.4 * box.length)],
        "top": np.s_[y - round(0.4 * box.width) :],
        "bottom": np.s_[: y + round(0.4 * box.width)],
    }
    for found in find_capsules(np.ascontiguousarray(picture[parts[edge]])):
        assert found.is_cut
