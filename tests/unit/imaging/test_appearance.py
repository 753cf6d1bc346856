import cv2
import numpy as np
import pytest

from capsule_inspect.imaging.appearance import measure_appearance


def test_colour_and_length():
    window = np.zeros((192, 480, 3), np.uint8)
    window[:96] = (200, 100, 50)
    look = measure_appearance(window, 60)
    assert (look.red, look.green, look.blue) == (100, 50, 25)
    assert look.length == 60


def test_sharpness_is_the_variance_of_the_laplacian():
    window = np.random.default_rng(0).integers(0, 256, (192, 480, 3), dtype=np.uint8)
    grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY).astype(float)
    padded = np.pad(grey, 1, mode="reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    assert measure_appearance(window, 60).sharpness == pytest.approx((laplacian - 4 * grey).var())


def test_a_blurred_window_is_less_sharp():
    window = np.random.default_rng(0).integers(0, 256, (192, 480, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(window, (0, 0), 2)
    assert (
        measure_appearance(blurred, 60).sharpness < 0.1 * measure_appearance(window, 60).sharpness
    )
