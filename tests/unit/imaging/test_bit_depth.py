"""Values of cameras with 10, 12 or 14 bits, in files of 16."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_forms import netpbm
from picture_bytes import encode, png, tiff
from picture_parts import png_chunk

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.bit_depth import to_8_bit
from capsule_inspect.imaging.read import decode_picture

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


@given(st.integers(9, 16), st.data())
def test_values_are_scaled_by_the_bits_that_are_used(bits, data):
    value = data.draw(st.integers(0, 2**bits - 1))
    scaled, warnings = to_8_bit(np.full((2, 3), value, np.uint16), "It", bits=bits)
    assert abs(scaled[0, 0] - 255 * value / (2**bits - 1)) <= 0.5
    assert warnings == ()


def test_values_of_8_bits_stay():
    values = np.array([[0, 77, 255]], np.uint8)
    assert to_8_bit(values, "It", declared=12, bits=12)[0] is values


def test_a_value_beyond_the_bits_is_an_error():
    with pytest.raises(PictureError, match=r"^It has values up to 4096, more than 12 bits"):
        to_8_bit(np.full((2, 3), 4096, np.uint16), "It", bits=12)


def deep_png(pixels: np.ndarray, bits: int) -> bytes:
    """A PNG of 16 bits whose chunk sBIT says how many count."""
    rows = [row.astype(">u2").tobytes() for row in pixels]
    return png(pixels.shape[1], 16, 0, rows, png_chunk(b"sBIT", bytes([bits])))


@pytest.mark.parametrize(
    "data",
    [
        deep_png(RAMP * 16, 12),
        deep_png(RAMP * 257, 12),  # scaled up already, as PNG asks for
        tiff(RAMP * 16, extra={281: 4095}),
        netpbm(RAMP * 16, 4095),
        netpbm(RAMP * 4, 1023),
    ],
)
def test_the_file_says_how_many_bits_it_uses(data):
    loaded = decode_picture(data, "It")
    assert np.abs(loaded.pixels[..., 0].astype(int) - RAMP).max() <= 1
    assert loaded.warnings == ()


def test_a_highest_value_that_is_no_power_says_nothing():
    """Some programs write the highest value that happens to be in the picture."""
    data = tiff(RAMP * 16, extra={281: 4080})
    loaded = decode_picture(data, "It")
    assert loaded.pixels.max() == 16
    assert "uses only 12 of 16 bits" in loaded.warnings[0]
    assert "--bits 12" in loaded.warnings[0]


def test_the_user_outranks_the_file():
    loaded = decode_picture(deep_png(RAMP * 16, 12), "It", bits=14)
    assert np.abs(loaded.pixels[..., 0] - RAMP / 4).max() <= 1
    assert loaded.warnings == ()


def test_the_bits_of_alpha_do_not_count():
    grey_and_alpha = np.dstack([RAMP * 16, np.full((16, 16), 4095, np.uint16)])
    rows = [row.astype(">u2").tobytes() for row in grey_and_alpha]
    data = png(16, 16, 4, rows, png_chunk(b"sBIT", struct.pack("BB", 12, 16)))
    assert np.abs(decode_picture(data, "It").pixels[..., 0].astype(int) - RAMP).max() <= 1


def test_a_dark_picture_of_16_bits_is_told_of_once():
    warnings = decode_picture(encode(".png", RAMP), "It").warnings
    assert len(warnings) == 1
    assert "--bits 9" in warnings[0]
