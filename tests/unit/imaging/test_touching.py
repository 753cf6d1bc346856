import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stadia import Stadium, draw

from capsule_inspect.imaging.find_capsules import CapsuleBox, find_capsules


def box_of(stadium: Stadium, boxes: tuple[CapsuleBox, ...]) -> CapsuleBox:
    return min(boxes, key=lambda each: math.hypot(each.x - stadium.x, each.y - stadium.y))


@settings(max_examples=20, deadline=None)
@given(
    side=st.integers(250, 500),
    degrees=st.floats(0, 360),
    gap=st.floats(-1, 3),
    shift=st.floats(-0.4, 0.4),
)
def test_capsules_that_touch_are_found_each_at_its_place(side, degrees, gap, shift):
    pixel = side / 250
    own = Stadium(side / 2, side / 2, 0.4 * side, 0.15 * side, degrees)
    other = own.beside(gap * pixel, shift * own.length)
    boxes = find_capsules(draw(side, own, other))
    assert len(boxes) == 2
    for each in (own, other):
        box = box_of(each, boxes)
        assert math.hypot(box.x - each.x, box.y - each.y) <= 1.5 * pixel
        assert box.length == pytest.approx(each.length, rel=0.04)
        assert box.width == pytest.approx(each.width, rel=0.1)


def test_three_in_a_row_are_three():
    first = Stadium(370, 250, 190, 70, 90)
    second = first.beside(-1, shift=30)
    row = (first, second, second.beside(-1, shift=-30))
    boxes = find_capsules(draw(500, *row))
    assert [round(each.x, -1) for each in boxes] == [230, 300, 370]


@pytest.mark.parametrize("slender", [2.0, 2.4, 3.0])
def test_two_end_to_end_are_two(slender):
    pair = [Stadium(250 + side * 75, 250, 150, 150 / slender, 0) for side in (-1, 1)]
    assert len(find_capsules(draw(500, *pair))) == 2


def test_a_crossing_is_no_pair():
    crossed = [Stadium(250, 250, 300, 90, degrees) for degrees in (0, 90)]
    assert find_capsules(draw(500, *crossed)) == ()
