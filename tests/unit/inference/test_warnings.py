import re
from dataclasses import replace

import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.crop import crop_capsule
from capsule_inspect.imaging.find_capsules import CapsuleBox, find_capsules
from capsule_inspect.inference.warnings import Observation, find_warnings
from capsule_inspect.modelfile.metadata import (
    RANGE_NAMES,
    Range,
    TrainingStatistics,
)

STATISTICS = TrainingStatistics(
    (0.0,), (1.0,), 10.0, tuple(Range(name, 8.0, 400.0) for name in RANGE_NAMES)
)


def warnings(
    length=400.0, sharpness=20.0, score=1.0, statistics=STATISTICS, is_cut=False, mode="capsule"
):
    box = CapsuleBox(500, 500, length, length / 3, 0, 1000, is_cut)
    crop = crop_capsule(box, replace(CAPSULE_ROI, mode=mode))
    observation = Observation(Appearance(0, 0, 0, length, sharpness), score)
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
    ],
)
def test_each_reason_is_named(change, words):
    (warning,) = warnings(**change)
    assert re.search(words, warning)


@pytest.mark.parametrize("change", [{"length": 214.0}, {"sharpness": 4.0}, {"score": 10.0}])
def test_the_limits_themselves_pass(change):
    assert warnings(**change) == []


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
