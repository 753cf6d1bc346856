import cv2
import numpy as np
import pytest

from capsule_inspect.imaging.components import find_components


def blobs(*rectangles: tuple[int, int, int, int]) -> np.ndarray:
    """Distances of 100 grey levels in rectangles (left, top, width, height) on ground."""
    distance = np.zeros((200, 250), np.float32)
    for left, top, width, height in rectangles:
        distance[top : top + height, left : left + width] = 100
    return distance


def test_a_component_is_measured_along_its_long_axis():
    (lying,) = find_components(blobs((50, 60, 100, 40)))
    assert lying.centre == pytest.approx([100, 80])
    assert (lying.length, lying.width) == pytest.approx((100, 40))
    assert np.abs(lying.axis) == pytest.approx([1, 0])
    assert tuple(lying.bounds) == (50, 60, 100, 40)
    (standing,) = find_components(blobs((50, 60, 30, 90)))
    assert (standing.length, standing.width) == pytest.approx((90, 30))
    assert np.abs(standing.axis) == pytest.approx([0, 1])


def test_holes_are_filled():
    ring = blobs((50, 60, 100, 40))
    ring[70:90, 70:130] = 0
    (component,) = find_components(ring)
    assert np.count_nonzero(component.mask) == 100 * 40


def test_what_is_small_or_thin_is_left_out():
    whole = (50, 60, 100, 40)
    assert len(find_components(blobs(whole, (10, 150, 50, 21)))) == 2  # over a quarter of 4000
    assert len(find_components(blobs(whole, (10, 150, 50, 19)))) == 1
    assert len(find_components(blobs(whole, (0, 190, 250, 2)))) == 1  # a hair
    assert len(find_components(blobs((10, 10, 20, 10)))) == 1  # 0.4 % of the picture
    assert find_components(blobs((10, 10, 19, 10))) == []


def test_coordinates_run_along_the_axis_and_across_it():
    turned = cv2.warpAffine(
        blobs((50, 60, 100, 40)), cv2.getRotationMatrix2D((100, 80), -30, 1), (250, 200)
    )
    (component,) = find_components(turned)
    along, across = component.coordinates(0, 0, turned.shape)
    inside = component.mask > 0
    assert np.abs(along[inside]).max() == pytest.approx(50, abs=1.5)
    assert np.abs(across[inside]).max() == pytest.approx(20, abs=1.5)
    part = component.coordinates(40, 30, (60, 70))
    assert np.array_equal(part[0], along[30:90, 40:110])
    assert np.array_equal(part[1], across[30:90, 40:110])
