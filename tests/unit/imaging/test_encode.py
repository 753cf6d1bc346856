import cv2
import numpy as np
import pytest

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.encode import encode_mask, encode_picture
from capsule_inspect.imaging.headers import read_header
from capsule_inspect.imaging.read import decode_picture

FORMATS = {"png": "png", "jpg": "jpeg", "webp": "webp"}


@pytest.fixture(scope="module")
def picture():
    return draw_capsule("crack", 1, 300).picture


@pytest.mark.parametrize(("name", "content"), FORMATS.items())
def test_the_format_is_the_one_asked_for(picture, name, content):
    header = read_header(encode_picture(picture, name), name)
    assert (header.format, header.width, header.height) == (content, 300, 300)


def test_png_keeps_every_pixel(picture):
    assert np.array_equal(decode_picture(encode_picture(picture), "x").pixels, picture)


@pytest.mark.parametrize("name", ["jpg", "webp"])
def test_lossy_formats_are_smaller_and_close(picture, name):
    data = encode_picture(picture, name)
    assert len(data) < 0.3 * len(encode_picture(picture))
    apart = np.abs(decode_picture(data, "x").pixels.astype(int) - picture)
    assert apart.mean() < 4


def test_a_picture_too_wide_for_its_format_is_a_sentence():
    widest = np.zeros((1, 16383, 3), np.uint8)
    assert read_header(encode_picture(widest, "webp"), "x").width == 16383
    wider = np.zeros((1, 16384, 3), np.uint8)
    with pytest.raises(PictureError, match="16384 x 1 pixels cannot be written as webp"):
        encode_picture(wider, "webp")


def test_a_mask_is_one_channel_of_the_same_values():
    mask = np.random.default_rng(0).integers(0, 6, (20, 30), dtype=np.uint8)
    decoded = cv2.imdecode(np.frombuffer(encode_mask(mask), np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.ndim == 2
    assert np.array_equal(decoded, mask)
