import pytest

from capsule_inspect.imaging.roi import ROI_MODES, Roi


def test_the_default_shows_a_capsule_of_856_px_at_half_scale():
    roi = Roi()
    assert (roi.mode, roi.width, roi.height, roi.capsule_length) == ("capsule", 480, 192, 856 / 2)


@pytest.mark.parametrize("mode", ROI_MODES)
def test_every_mode_is_accepted(mode):
    assert Roi(mode, 1, 1, 1).mode == mode


def test_an_unknown_mode_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"model\.roi\.mode .*'middle'.*capsule, whole"):
        Roi("middle")


@pytest.mark.parametrize("name", ["width", "height", "capsule_length"])
@pytest.mark.parametrize("value", [0, -5])
def test_no_side_may_be_empty(name, value):
    with pytest.raises(ValueError, match=rf"model\.roi\.{name} is {value},"):
        Roi(**{name: value})
