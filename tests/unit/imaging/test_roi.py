from dataclasses import replace

import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.choices import ROI_MODES
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import ModelSettings


def test_a_window_needs_all_of_its_geometry():
    with pytest.raises(TypeError, match="capsule_length"):
        Roi("capsule", 480, 192)


def test_the_default_shows_a_capsule_of_856_px_at_half_scale():
    roi = ModelSettings().roi
    assert (roi.mode, roi.width, roi.height, roi.capsule_length) == ("capsule", 480, 192, 856 / 2)


@pytest.mark.parametrize("mode", ROI_MODES)
def test_every_mode_is_accepted(mode):
    assert Roi(mode, 1, 1, 1).mode == mode


def test_an_unknown_mode_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"model\.roi\.mode .*'middle'.*capsule, whole"):
        Roi("middle", 1, 1, 1)


@pytest.mark.parametrize("name", ["width", "height", "capsule_length"])
@pytest.mark.parametrize("value", [0, -5])
def test_no_side_may_be_empty(name, value):
    with pytest.raises(ValueError, match=rf"model\.roi\.{name} is {value},"):
        replace(CAPSULE_ROI, **{name: value})
