import numpy as np
import pytest

from capsule_inspect.drawing.canvas import Canvas, Pose, choose_pose


@pytest.mark.parametrize("pixels", [0.07, 0.3, 1.0])
def test_the_middle_of_the_grid_is_the_origin_and_steps_are_nominal(pixels: float) -> None:
    canvas = Canvas.at(pixels)
    rows, columns = canvas.x.shape
    assert canvas.y.shape == canvas.x.shape
    assert rows % 2 == columns % 2 == 1
    assert canvas.x[rows // 2, columns // 2] == canvas.y[rows // 2, columns // 2] == 0
    assert canvas.x[0, 1] - canvas.x[0, 0] == pytest.approx(1 / pixels, rel=1e-4)
    assert canvas.y[1, 0] - canvas.y[0, 0] == pytest.approx(1 / pixels, rel=1e-4)


@pytest.mark.parametrize("pixels", [0.07, 0.3, 1.0])
def test_the_largest_capsule_fits(pixels: float) -> None:
    canvas = Canvas.at(pixels)
    # 440 to either end and 140 to either flank; pinched flanks stand out by a third.
    assert canvas.x.max() >= 469.9
    assert canvas.y.max() >= 189.9


def placed(pose: Pose, size: int, x: float, y: float) -> np.ndarray:
    """Where a place on the capsule, in nominal pixels from its middle, comes to lie."""
    canvas = Canvas.at(pose.scale * size / 1000)
    rows, columns = canvas.x.shape
    point = [columns // 2 + x * canvas.pixels, rows // 2 + y * canvas.pixels, 1]
    return pose.placement(canvas, size) @ point


def test_a_capsule_in_the_middle_lies_in_the_middle() -> None:
    assert placed(Pose(1.0, 0.0, (0.0, 0.0)), 501, 0, 0) == pytest.approx([250, 250])
    assert placed(Pose(1.0, 0.0, (0.0, 0.0)), 501, 200, 0) == pytest.approx([350.2, 250])


def test_it_turns_clockwise_and_shrinks_and_shifts() -> None:
    pose = Pose(0.5, 90.0, (100.0, -40.0))
    # The middle moves 50 right and 20 up; what was right of it by 200 is below it by 100 / 2.
    assert placed(pose, 501, 0, 0) == pytest.approx([300.1, 229.96])
    assert placed(pose, 501, 200, 0) == pytest.approx([300.1, 229.96 + 50.1])


@pytest.mark.parametrize("upright", [True, False])
def test_every_pose_keeps_the_capsule_in_the_picture(upright: bool) -> None:
    rng = np.random.default_rng(0)
    ends = [(440 - 140 + 140 * np.cos(t), 140 * np.sin(t)) for t in np.linspace(-1.57, 1.57, 9)]
    for _ in range(100):
        pose = choose_pose(rng, upright)
        outline = [placed(pose, 1000, side * x, y) for side in (-1, 1) for x, y in ends]
        assert np.min(outline) > 10
        assert np.max(outline) < 989
        assert not upright or abs(pose.degrees) <= 3
