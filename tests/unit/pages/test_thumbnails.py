import base64

import cv2
import numpy as np
import pytest

from capsule_inspect.imaging.decode_picture import decode_picture
from capsule_inspect.pages.thumbnails import colour_map, make_thumbnail


def decoded(address: str) -> np.ndarray:
    assert address.startswith("data:image/jpeg;base64,")
    return decode_picture(base64.b64decode(address.split(",")[1]), "thumbnail").pixels


@pytest.mark.parametrize(
    ("shape", "expected"), [((1000, 500), (400, 200)), ((80, 60), (80, 60)), ((1, 3000), (1, 400))]
)
def test_pictures_shrink_to_the_longest_side(shape, expected):
    picture = np.full((*shape, 3), (200, 30, 60), np.uint8)
    small = decoded(make_thumbnail(picture))
    assert small.shape[:2] == expected
    assert np.abs(small.astype(int).mean(axis=(0, 1)) - (200, 30, 60)).max() < 6


def test_a_map_is_dark_for_nothing_and_brightest_at_its_top():
    coloured = colour_map(np.array([[0, 0.1, 0.2]], np.float32))
    brightness = cv2.cvtColor(coloured, cv2.COLOR_RGB2GRAY)[0]
    assert brightness[0] < brightness[1] < brightness[2]
    assert colour_map(np.zeros((2, 2), np.float32)).std(axis=(0, 1)).max() == 0
