from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.blockiness import measure_blockiness
from capsule_inspect.imaging.picture import Picture


def noisy(picture: NDArray[Any], sigma: float) -> Picture:
    noise = np.random.default_rng(3).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


SLOPE = np.linspace(-20, 20, 640)[:, None] + np.linspace(-20, 20, 640)[None]
"""Of the light: real grounds are uneven."""
CLEAN = noisy(draw_capsule("good", (71, 1), 640).picture * 0.8 + SLOPE[..., None], 1)


def compressed(picture: Picture, quality: int) -> Picture:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


STRONG = compressed(CLEAN, 10)


def blocks(side: int, step: int, size: int = 256) -> Picture:
    """A chequered plain: every difference within a block is 2, and across its borders `step`."""
    place = np.arange(size)
    # Up and down by 2, but at a border of blocks all the way up, or all the way down again.
    wave = np.where((place + place // side) % 2, 2, 0) + np.where(place // side % 2, step, 0)
    return np.repeat((60 + wave[:, None] + wave[None])[..., None], 3, axis=2).astype(np.uint8)


def test_the_stronger_the_compression_the_higher():
    levels = [measure_blockiness(compressed(CLEAN, quality)) for quality in (90, 50, 30, 20, 10)]
    assert levels == sorted(levels)
    assert measure_blockiness(CLEAN) < 0.2
    assert levels[1] < 1.5 < levels[-1]


def test_steps_as_tall_as_their_surroundings_are_1():
    # Within a block all differences are 2; half a level is added to what the steps are held to.
    assert measure_blockiness(blocks(8, 30)) == pytest.approx(28 / 2.5, rel=0.01)
    assert measure_blockiness(blocks(8, 4)) == pytest.approx(2 / 2.5, rel=0.01)
    assert measure_blockiness(blocks(12, 30)) == pytest.approx(28 / 2.5, rel=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_where_the_grid_begins_does_not_matter(left, top):
    whole = measure_blockiness(STRONG)
    assert measure_blockiness(STRONG[top:, left:]) == pytest.approx(whole, rel=0.15)


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_turning_by_right_angles_and_mirroring_do_not_matter(turned):
    view = np.ascontiguousarray(np.rot90(STRONG, turned))
    assert measure_blockiness(view) == pytest.approx(measure_blockiness(STRONG), rel=0.05)
    assert measure_blockiness(view[:, ::-1]) == pytest.approx(measure_blockiness(STRONG), rel=0.05)


@pytest.mark.parametrize("times", [1.25, 1.5, 2.0, 3.0])
def test_an_enlarged_picture_keeps_its_blocks(times):
    larger = cv2.resize(STRONG, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
    assert measure_blockiness(np.asarray(larger, np.uint8)) > 0.3 * measure_blockiness(STRONG)


@pytest.mark.parametrize("sigma", [2, 10, 30])
def test_noise_is_no_grid(sigma):
    assert measure_blockiness(noisy(np.full((400, 400, 3), 128, np.uint8), sigma)) < 0.1


def test_stripes_in_one_direction_are_no_grid():
    stripes = np.full((256, 256, 3), 100, np.uint8)
    stripes[:, ::8] = 140
    assert measure_blockiness(stripes) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (49, 49), (50, 50), (500, 51)])
def test_plain_and_tiny_pictures_have_none(shape):
    assert measure_blockiness(np.full((*shape, 3), 90, np.uint8)) == 0


def test_of_a_large_picture_the_middle_counts():
    framed = cv2.copyMakeBorder(blocks(8, 30, 1024), 200, 200, 200, 200, cv2.BORDER_CONSTANT)
    assert measure_blockiness(np.asarray(framed, np.uint8)) == pytest.approx(28 / 2.5, rel=0.01)
