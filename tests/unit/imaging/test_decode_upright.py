import os
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_bytes import encode, noise, oriented, png, tiff
from picture_parts import png_chunk

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.decode_upright import decode_upright


def decode(data: bytes, name: str = "x", max_pixels: int = 10_000_000) -> np.ndarray:
    return decode_upright(data, name, max_pixels)[1]


UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: np.rot90(np.fliplr(stored), 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(np.fliplr(stored), -1),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".tiff"])
def test_the_exif_orientation_is_applied_once(extension, orientation):
    small = np.array([[250, 160, 90], [10, 60, 200]], np.uint8)
    stored = np.dstack([np.kron(small, np.ones((16, 16), np.uint8))] * 3)

    picture = decode(oriented(extension, stored, orientation))

    expected = UPRIGHT[orientation](stored)
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).max() <= (3 if extension == ".jpg" else 0)


@pytest.mark.parametrize(
    ("orientation", "first_pixel_at"),
    # Exif 3.0: where row 0 and column 0 of the stored picture are seen.
    list(enumerate(["top left", "top right", "bottom right", "bottom left"] * 2, start=1)),
)
def test_the_corner_of_the_first_pixel(orientation, first_pixel_at):
    stored = np.full((4, 6, 3), 255, np.uint8)
    stored[0, 0] = 0

    picture = decode(oriented(".png", stored, orientation))

    row, column = np.argwhere(picture[:, :, 0] == 0)[0]
    assert f"{'bottom' if row else 'top'} {'right' if column else 'left'}" == first_pixel_at
    assert picture.shape == ((6, 4, 3) if orientation >= 5 else (4, 6, 3))


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, 3), (np.int16, 2), (np.float64, 3)])
def test_values_of_unknown_range_are_refused(dtype, kind):
    data = tiff(np.full((4, 5), 0.5 if kind == 3 else 100, dtype), kind)

    with pytest.raises(PictureError, match=rf"^scan\.tif holds {np.dtype(dtype)} values"):
        decode(data, "scan.tif")


def test_the_pixel_limit_is_checked_before_decoding():
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    # Would fail with another message if it were decoded: it holds one row of 400 million pixels.
    data = png(1, 8, 0, [b"\0"])
    data = data[:8] + png_chunk(b"IHDR", header) + data[33:]

    with pytest.raises(PictureError, match=r"20000 x 20000 pixels.*limit of 10 megapixels"):
        decode(data)


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tiff", ".webp", ".jpg"])
def test_the_pixel_limit_is_inclusive(extension):
    data = encode(extension, noise(5, 6))

    assert decode(data, max_pixels=30).shape == (5, 6, 3)
    with pytest.raises(PictureError, match=r"6 x 5 pixels, more than the limit of 2\.9e-05"):
        decode(data, max_pixels=29)


def test_what_opencv_cannot_decode_is_one_sentence_and_no_log(capfd):
    fax_of_8_bits = tiff(np.zeros((4, 5), np.uint8), extra={259: 4})

    with pytest.raises(PictureError, match=r"^x cannot be decoded"):
        decode(fax_of_8_bits)

    if "OPENCV_LOG_LEVEL" not in os.environ:
        assert capfd.readouterr().err == ""


def test_an_opencv_exception_becomes_a_picture_error():
    # wider than OpenCV's own limit of 2^20
    row = bytes(2**20 + 1)

    with pytest.raises(PictureError, match=r"^x cannot be decoded"):
        decode(png(2**20 + 1, 8, 0, [row]))


SMOOTH = cv2.GaussianBlur(noise(40, 60), (0, 0), 2)


FILES = {
    "png": encode(".png", SMOOTH),
    "jpeg": encode(".jpg", SMOOTH),
    "progressive": encode(".jpg", SMOOTH, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts": encode(".jpg", SMOOTH, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "bmp": encode(".bmp", SMOOTH),
    "tiff": encode(".tiff", SMOOTH),
    "webp": encode(".webp", SMOOTH),
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.floats(0, 1, exclude_max=True))
def test_a_picture_cut_anywhere_is_refused(kind, share):
    data = FILES[kind]

    with pytest.raises(PictureError):
        decode(data[: int(len(data) * share)])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_changed_bytes_decode_or_raise_a_picture_error(kind, data):
    changed = bytearray(FILES[kind])
    # the front, where the structure lies, as often as the rest
    positions = st.one_of(st.integers(0, 63), st.integers(0, len(changed) - 1))
    for position in data.draw(st.lists(positions, min_size=1, max_size=6)):
        changed[position] = data.draw(st.integers(0, 255))

    try:
        picture = decode(bytes(changed), max_pixels=10_000_000)
    except PictureError:
        pass  # any other exception fails the test
    else:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
