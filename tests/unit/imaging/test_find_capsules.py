import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.imaging.components import find_components
from capsule_inspect.imaging.find_capsules import CapsuleBox, find_capsules, is_capsule
from capsule_inspect.imaging.read import read_picture

DARK, LIGHT, WHITE = (60, 70, 90), (200, 120, 60), (235, 235, 235)


def stadium(side: int, x: float, y: float, length: float, width: float, degrees: float):
    """A two-coloured stadium on white: dark behind its centre, light ahead of it."""
    turn = math.radians(degrees)
    grid_x, grid_y = np.meshgrid(np.arange(side) + 0.5 - x, np.arange(side) + 0.5 - y)
    along = grid_x * math.cos(turn) + grid_y * math.sin(turn)
    across = grid_y * math.cos(turn) - grid_x * math.sin(turn)
    inside = np.hypot(np.maximum(np.abs(along) - (length - width) / 2, 0), across) <= width / 2
    picture = np.empty((side, side, 3), np.uint8)
    picture[:] = WHITE
    picture[inside & (along < 0)] = DARK
    picture[inside & (along >= 0)] = LIGHT
    return picture, int(inside.sum())


def turned_by(degrees: float, other: float) -> float:
    """The smallest angle between two directions."""
    return abs((degrees - other + 180) % 360 - 180)


@settings(max_examples=60, deadline=None)
@given(
    side=st.integers(250, 640),
    degrees=st.floats(-179.9, 180),
    slender=st.floats(1.9, 3.2),
    long=st.floats(0.3, 0.8),
    off_x=st.floats(-1, 1),
    off_y=st.floats(-1, 1),
)
def test_a_stadium_is_found_where_it_is(side, degrees, slender, long, off_x, off_y):
    length = long * side
    width = length / slender
    room = (side - length) / 2 - 0.02 * side
    x, y = side / 2 + off_x * room, side / 2 + off_y * room
    picture, area = stadium(side, x, y, length, width, degrees)
    (box,) = find_capsules(picture)
    pixel = side / 250  # the search sees no finer than this
    assert math.hypot(box.x - x, box.y - y) <= pixel
    assert turned_by(box.angle, degrees) <= 1.5
    assert box.length == pytest.approx(length, abs=3 * pixel)
    assert box.width == pytest.approx(width, abs=3 * pixel)
    assert box.area == pytest.approx(area, rel=0.06)
    assert -180 < box.angle <= 180


@pytest.mark.parametrize("label", ["good", *DEFECTS])
def test_a_drawn_capsule_is_found_once_at_any_pose(label):
    for seed in (*range(8), 17, 119, 185, 197):  # the last squeeze hardest
        assert len(find_capsules(draw_capsule(label, (1000, seed), size=300).picture)) == 1


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 133, 180, 260, 314])
def test_turning_a_picture_turns_the_box(degrees):
    size = 400
    # The same capsule lies near the middle, so that no turn drives it over the border.
    picture = draw_capsule("good", (5, 2), size, upright=True).picture
    picture = cv2.copyMakeBorder(picture, 80, 80, 80, 80, cv2.BORDER_REPLICATE)
    middle, turn = picture.shape[0] / 2, math.radians(degrees)
    clockwise = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    pivot = np.full(2, middle - 0.5)  # OpenCV counts from the centre of the first pixel
    matrix = np.column_stack([clockwise, pivot - clockwise @ pivot])
    turned = cv2.warpAffine(
        picture, matrix, picture.shape[:2], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    (before,), (after,) = find_capsules(picture), find_capsules(turned)
    expected = clockwise @ [before.x - middle, before.y - middle] + middle
    assert math.hypot(after.x - expected[0], after.y - expected[1]) <= 4
    assert turned_by(after.angle, before.angle + degrees) <= 1.5
    assert after.length == pytest.approx(before.length, rel=0.03)
    assert after.width == pytest.approx(before.width, rel=0.04)


def test_the_angle_points_from_dark_to_light():
    for degrees in (0, 90, 180, -90):
        (box,) = find_capsules(stadium(250, 125, 125, 160, 70, degrees)[0])
        assert turned_by(box.angle, degrees) < 1


def test_a_capsule_with_its_dark_end_right_lies_at_180_degrees_not_at_minus_180():
    for x in (110, 115, 120, 125, 130):  # rounding puts some a hair to the other side
        (box,) = find_capsules(stadium(250, x, 100, 160, 60, 180)[0])
        assert box.angle == pytest.approx(180)


@pytest.mark.parametrize("degrees", [0, 180])
@pytest.mark.parametrize(
    ("x", "y", "cut"),
    [
        (125, 125, False),
        (70, 125, True),
        (180, 125, True),
        (125, 25, True),
        (125, 225, True),
    ],
)
def test_a_capsule_that_reaches_a_border_is_cut(x, y, cut, degrees):
    (box,) = find_capsules(stadium(250, x, y, 160, 70, degrees)[0])
    assert box.is_cut == cut


def faint(contrast: int) -> np.ndarray:
    """A grey stadium that much darker than the ground."""
    picture, _ = stadium(250, 125, 125, 160, 70, 20)
    inside = (picture != WHITE).any(axis=2)
    return np.where(inside[..., None], 200 - contrast, 200).astype(np.uint8).repeat(3, axis=2)


def test_a_shade_too_faint_for_a_capsule_is_none():
    # A stain or a shadow may have a capsule's shape; 18 levels are needed.
    assert find_capsules(faint(16)) == ()
    assert len(find_capsules(faint(20))) == 1


def test_rows_are_as_high_as_a_capsule_is_wide():
    # Lower by one and a half times the width: another row, though less than a length below.
    upper, _ = stadium(500, 350, 200, 160, 70, 0)
    lower, _ = stadium(500, 120, 305, 160, 70, 0)
    # Lower by half the width: the same row, which is read from the left.
    beside, _ = stadium(500, 120, 235, 160, 70, 0)
    assert [box.x > 250 for box in find_capsules(np.minimum(upper, lower))] == [True, False]
    assert [box.x > 250 for box in find_capsules(np.minimum(upper, beside))] == [False, True]


def test_the_scale_of_a_picture_scales_the_box():
    small, _ = stadium(250, 110, 140, 160, 70, 30)
    (one,) = find_capsules(small)
    (three,) = find_capsules(np.kron(small, np.ones((3, 3, 1), np.uint8)))
    for name in ("x", "y", "length", "width"):
        assert getattr(three, name) == pytest.approx(3 * getattr(one, name))
    assert three.area == pytest.approx(9 * one.area)
    assert three.angle == pytest.approx(one.angle)


def test_two_and_three_capsules_are_found_in_reading_order():
    # One seed has one ground, so that the tiles make one picture.
    tiles = [draw_capsule(label, (3, 4), 250).picture for label in ("good", "poke", "scratch")]
    (alone,) = find_capsules(tiles[0])

    beside = find_capsules(np.hstack(tiles[:1] * 2))
    assert [box.x for box in beside] == pytest.approx([alone.x, alone.x + 250], abs=3)
    assert [box.y for box in beside] == pytest.approx([alone.y, alone.y], abs=3)

    above = find_capsules(np.vstack(tiles))
    assert [box.y for box in above] == pytest.approx([alone.y + 250 * i for i in range(3)], abs=5)
    assert all(turned_by(box.angle, alone.angle) < 3 for box in above)

    both = np.vstack([np.hstack(tiles[:2]), np.hstack([tiles[2], np.full_like(tiles[0], 240)])])
    both[250:, 250:] = tiles[0][:1, :1]  # the fourth place holds bare ground
    assert len(find_capsules(both)) == 3


def test_dust_beside_a_capsule_is_not_a_capsule():
    picture, _ = stadium(500, 250, 250, 300, 130, 20)
    speck, _ = stadium(500, 60, 440, 50, 22, 0)
    (box,) = find_capsules(np.minimum(picture, speck))
    assert math.hypot(box.x - 250, box.y - 250) < 3


def ramp(shape: tuple[int, int], low: float, high: float) -> np.ndarray:
    values = np.linspace(low, high, shape[1])[None, :, None]
    return np.broadcast_to(values, (*shape, 3)).astype(np.uint8)


def radial(side: int, low: float, high: float) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    values = low + (high - low) * np.minimum(np.hypot(x, 2.2 * y), 1)
    return np.repeat(values[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_blank_pictures_hold_no_capsule(level):
    assert find_capsules(np.full((300, 400, 3), level, np.uint8)) == ()


@pytest.mark.parametrize(("low", "high"), [(0, 255), (255, 0), (100, 140), (230, 250)])
def test_gradients_hold_no_capsule(low, high):
    across = ramp((300, 400), low, high)
    assert find_capsules(across) == ()
    assert find_capsules(np.ascontiguousarray(across.transpose(1, 0, 2))) == ()
    assert find_capsules(radial(300, low, high)) == ()


@pytest.mark.parametrize("seed", range(6))
def test_noise_holds_no_capsule(seed):
    random = np.random.default_rng(seed)
    fine = random.integers(0, 256, (300, 300, 3), np.uint8)
    coarse = cv2.resize(random.integers(0, 256, (9, 9, 3), np.uint8), (300, 300))
    faint = np.clip(random.normal(235, 4, (300, 300, 3)), 0, 255).astype(np.uint8)
    for picture in (fine, coarse, faint):
        assert find_capsules(picture) == ()


def test_other_shapes_are_not_capsules():
    shapes = {
        "disc": lambda p: cv2.circle(p, (150, 150), 80, DARK, -1),
        "line": lambda p: cv2.line(p, (20, 150), (280, 150), DARK, 8),
        "triangle": lambda p: cv2.fillPoly(p, [np.array([[40, 210], [260, 210], [150, 90]])], DARK),
        "cross": lambda p: cv2.rectangle(
            cv2.rectangle(p, (30, 130), (270, 170), DARK, -1), (120, 80), (180, 220), DARK, -1
        ),
    }
    for name, draw in shapes.items():
        picture = np.full((300, 300, 3), 235, np.uint8)
        assert find_capsules(draw(picture)) == (), name


@settings(max_examples=80, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
def test_tiny_pictures_of_any_content_end_in_boxes_not_errors(picture):
    for box in find_capsules(picture):
        assert box.length >= box.width > 0


def test_a_picture_is_left_as_it_is():
    picture = draw_capsule("crack", 4, 300).picture
    before = picture.copy()
    find_capsules(picture)
    assert np.array_equal(picture, before)


@pytest.mark.slow
def test_every_real_picture_holds_exactly_one_capsule(real_data: Path):
    files = sorted(path for part in ("train", "test") for path in real_data.glob(f"{part}/*/*.*"))
    assert files
    counts = {path.name: len(find_capsules(read_picture(path))) for path in files}
    assert {name: count for name, count in counts.items() if count != 1} == {}


def outline(length: float, width: float, contrast: float = 100) -> np.ndarray:
    """Distances to the ground of a capsule in the middle, in grey levels."""
    x, y = np.meshgrid(np.arange(250) + 0.5 - 125, np.arange(200) + 0.5 - 100)
    inside = np.hypot(np.maximum(np.abs(x) - (length - width) / 2, 0), y) <= width / 2
    return np.where(inside, contrast, 0).astype(np.float32)


def judge(distance: np.ndarray) -> bool:
    (component,) = find_components(distance)
    return is_capsule(component, distance)


@pytest.mark.parametrize(
    ("aspect", "expected"), [(1.6, False), (1.8, True), (4.8, True), (5.3, False)]
)
def test_length_over_width_decides(aspect, expected):
    assert judge(outline(40 * aspect, 40)) == expected


@pytest.mark.parametrize(("contrast", "expected"), [(17, False), (19, True)])
def test_contrast_decides(contrast, expected):
    assert judge(outline(160, 60, contrast)) == expected


def test_an_outline_that_fades_is_none():
    soft = cv2.GaussianBlur(outline(160, 60), (0, 0), 20)
    assert not judge(soft)
    assert judge(cv2.GaussianBlur(outline(160, 60), (0, 0), 1.5))


def test_a_bow_is_no_capsule():
    bow = outline(160, 60)
    bow[:100, 85:165] = 0  # its overlap with a stadium is about two thirds
    assert not judge(bow)


def test_the_box_of_a_whole_picture_runs_along_its_rows():
    box = CapsuleBox.of_whole(np.zeros((30, 50, 3), np.uint8))
    assert box == CapsuleBox(x=25, y=15, length=50, width=30, angle=0, area=1500)
