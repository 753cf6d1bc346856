import cv2
import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule_inspect.imaging.appearance import Appearance, measure_appearance, measure_noise
from capsule_inspect.imaging.blockiness import measure_blockiness
from capsule_inspect.imaging.crop import crop_capsule
from capsule_inspect.imaging.find_capsules import CapsuleBox


def look_at(window: np.ndarray) -> Appearance:
    """The appearance of a picture that is a window already."""
    crop = crop_capsule(CapsuleBox(240, 96, 428, 160, 0, 1), CAPSULE_ROI)
    return measure_appearance(window, crop, window)


def test_colour_and_length():
    window = np.zeros((192, 480, 3), np.uint8)
    window[:96] = (200, 100, 50)
    look = look_at(window)
    assert (look.red, look.green, look.blue) == (100, 50, 25)
    assert look.length == 428


def test_sharpness_is_the_variance_of_the_laplacian():
    window = np.random.default_rng(0).integers(0, 256, (192, 480, 3), dtype=np.uint8)
    grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY).astype(float)
    padded = np.pad(grey, 1, mode="reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    assert look_at(window).sharpness == pytest.approx((laplacian - 4 * grey).var())


def test_a_blurred_window_is_less_sharp():
    window = np.random.default_rng(0).integers(0, 256, (192, 480, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(window, (0, 0), 2)
    assert look_at(np.asarray(blurred, np.uint8)).sharpness < 0.1 * look_at(window).sharpness


def test_blockiness_is_that_of_the_picture_under_the_window():
    random = np.random.default_rng(5)
    picture = random.integers(0, 256, (900, 900, 3), dtype=np.uint8)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 10])
    picture[200:600, 100:800] = cv2.imdecode(data, cv2.IMREAD_COLOR)[200:600, 100:800]
    crop = crop_capsule(CapsuleBox(450, 400, 600, 240, 0, 1), CAPSULE_ROI)
    # 600 native pixels become 428: the window shows 672.9 x 269.2 of them.
    expected = measure_blockiness(picture[265:535, 113:787])
    assert expected > 0.2
    assert measure_appearance(picture, crop, crop.take(picture)).blockiness == expected


@settings(max_examples=25, deadline=None)
@given(
    sigma=st.floats(0.8, 25),
    level=st.floats(110, 145),
    slope=st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
    seed=st.integers(0, 99),
)
def test_noise_is_the_standard_deviation_on_any_slope(sigma, level, slope, seed):
    y, x = np.mgrid[-96:96, -240:240]
    ground = level + slope[0] * x + slope[1] * y
    noisy = ground + np.random.default_rng(seed).normal(0, sigma, ground.shape)
    grey = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    rounding = 1 / 12  # the variance of rounding to whole grey levels
    assert measure_noise(grey) == pytest.approx((sigma**2 + rounding) ** 0.5, rel=0.05)


@given(st.integers(0, 99), st.integers(-40, 40))
def test_contrast_scales_noise_and_brightness_leaves_it(seed, brighter):
    grey = np.random.default_rng(seed).integers(60, 100, (40, 60), dtype=np.uint8)
    noise = measure_noise(grey)
    assert measure_noise(2 * grey) == pytest.approx(2 * noise)
    assert measure_noise((grey.astype(int) + brighter).astype(np.uint8)) == pytest.approx(noise)


def test_straight_edges_are_no_noise():
    grey = np.full((100, 100), 50, np.uint8)
    grey[:, 40:] = 200
    assert measure_noise(grey) == 0


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (50, 2)])
def test_a_window_too_small_to_tell_has_no_noise(shape):
    assert measure_noise(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)) == 0
