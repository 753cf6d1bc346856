import numpy as np
import pytest

from capsule_inspect.drawing.canvas import Canvas
from capsule_inspect.drawing.shapes import blob, fill, fill_pixels, grains, jagged, ribbon, soft

SQUARE = np.array([[-50.0, -50.0], [50.0, -50.0], [50.0, 50.0], [-50.0, 50.0]])


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_jagged_line_goes_about_as_far_as_told() -> None:
    path = jagged(np.array([10.0, 20.0]), 0.0, 200.0, generator())
    assert path[0].tolist() == [10, 20]
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.sum() == pytest.approx(200)
    assert 120 < path[-1, 0] - 10 < 200


def test_a_ribbon_lies_around_its_path() -> None:
    path = np.stack([np.linspace(0, 100, 12), np.zeros(12)], axis=1)
    outline = ribbon(path, 10.0, generator())
    assert outline.shape == (24, 2)
    assert 3 < outline[:, 1].max() <= 7
    assert -7 <= outline[:, 1].min() < -3
    # It tapers to both ends.
    assert np.abs(outline[[0, 11, 12, 23], 1]).max() < 0.5 * np.abs(outline[:, 1]).max()


def test_a_blob_goes_round_its_centre() -> None:
    radii = np.linalg.norm(blob(np.array([5.0, 5.0]), 30.0, 0.2, generator()) - 5, axis=1)
    assert 0.45 * 30 <= radii.min() < radii.max() <= 1.7 * 30


@pytest.mark.parametrize("pixels", [0.3, 1.0])
def test_filling_covers_the_area_in_nominal_pixels(pixels: float) -> None:
    canvas = Canvas.at(pixels)
    bare, grown = fill(canvas, [SQUARE]), fill(canvas, [SQUARE], grow=20.0)
    assert bare.shape == canvas.x.shape
    assert bare.max() == 1
    assert bare.sum() / pixels**2 == pytest.approx(100**2, rel=0.12)
    assert grown.sum() / pixels**2 == pytest.approx(120**2, rel=0.12)


def test_filling_in_pixels_starts_at_the_first() -> None:
    cover = fill_pixels((20, 30), [np.array([[4.0, 6.0], [10.0, 6.0], [10.0, 12.0], [4.0, 12.0]])])
    rows, columns = np.nonzero(cover > 0.9)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 12, 4, 10)


def test_softening_spreads_and_keeps_the_sum() -> None:
    canvas = Canvas.at(0.3)
    sharp = fill(canvas, [SQUARE])
    blurred = soft(sharp, canvas, 10.0)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=1e-3)
    assert np.count_nonzero(blurred > 0.01) > np.count_nonzero(sharp > 0.01)


def test_a_higher_bias_leaves_fewer_grains() -> None:
    canvas = Canvas.at(0.3)
    shares = [float(grains(canvas, generator(), 8.0, bias).mean()) for bias in (-0.8, 0.0, 0.8)]
    assert shares[0] > 0.65 > shares[1] > 0.35 > shares[2]
    assert shares[1] == pytest.approx(0.5, abs=0.05)
