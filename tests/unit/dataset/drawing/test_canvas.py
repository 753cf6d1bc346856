import pytest

from capsule_inspect.dataset.drawing.canvas import Canvas


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
