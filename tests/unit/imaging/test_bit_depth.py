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
from capsule_inspect.imaging.bit_depth import to_8_bit, white_of
from capsule_inspect.imaging.picture import Header
from capsule_inspect.imaging.read import decode_picture

PLAIN = Header("png", 3, 2)
NOTED = Header("png", 3, 2, bits=12)
SURE = Header("pnm", 3, 2, white=1023)
RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


@given(st.integers(9, 16), st.data())
def test_values_are_scaled_by_the_bits_that_are_used(bits, data):
    value = data.draw(st.integers(0, 2**bits - 1))
    scaled, warnings = to_8_bit(np.full((2, 3), value, np.uint16), "It", PLAIN, bits)
    assert abs(scaled[0, 0] - 255 * value / (2**bits - 1)) <= 0.5
    assert warnings == ()


def test_values_of_8_bits_stay():
    values = np.array([[0, 77, 255]], np.uint8)
    assert to_8_bit(values, "It", NOTED, 12)[0] is values


def test_a_value_beyond_the_bits_is_an_error():
    with pytest.raises(PictureError, match=r"^It has values up to 4096, more than 12 bits"):
        to_8_bit(np.full((2, 3), 4096, np.uint16), "It", PLAIN, 12)


def deep_png(pixels: np.ndarray, bits: int) -> bytes:
    """A PNG of 16 bits whose chunk sBIT says how many count."""
    rows = [row.astype(">u2").tobytes() for row in pixels]
    return png(pixels.shape[1], 16, 0, rows, png_chunk(b"sBIT", bytes([bits])))


@pytest.mark.parametrize(
    "data",
    [
        deep_png(RAMP * 16 + RAMP // 16, 12),
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


def packed_tiff(stored: np.ndarray, tags: dict[int, int]) -> bytes:
    """A TIFF of rows of packed bits, which `tiff` takes for bytes."""
    data = tiff(stored, extra=tags)
    entry = struct.pack("<HHIHH", 258, 3, 1, 8, 8)
    assert entry in data
    return data.replace(entry, struct.pack("<HHIHH", 258, 3, 1, tags[258], 0))


def test_values_that_may_be_scaled_already_are_told():
    """All are multiples of 16: those of a camera of 8 bits, or a dark picture in 16."""
    data = deep_png(RAMP * 16, 12)
    taken = decode_picture(data, "It")
    assert np.abs(taken.pixels[..., 0].astype(int) - RAMP).max() <= 1
    assert len(taken.warnings) == 1
    assert "says that it uses 12 bits" in taken.warnings[0]
    assert "--bits 16 (in prepare: data.bits=16)" in taken.warnings[0]
    told = decode_picture(data, "It", bits=16)
    np.testing.assert_array_equal(told.pixels[..., 0], np.rint(RAMP * 16 / 257))
    assert told.warnings == ()


def test_a_black_picture_is_told_of_nothing():
    assert decode_picture(deep_png(RAMP * 0, 12), "It").warnings == ()


@pytest.mark.parametrize(
    ("highest", "header", "bits", "white"),
    [
        (5, PLAIN, None, 65535),
        (5, PLAIN, 12, 4095),
        (4095, NOTED, None, 4095),
        (4096, NOTED, None, 65535),
        (5, NOTED, 10, 1023),
        (5, SURE, None, 1023),
        (5, SURE, 12, 1023),  # the form outranks the user
    ],
)
def test_the_form_outranks_the_user_who_outranks_a_note(highest, header, bits, white):
    assert white_of(highest, header, bits) == white


def test_a_value_above_the_highest_of_a_file_is_an_error():
    swapped = RAMP.astype("<u2").astype(">u2").tobytes()
    data = netpbm(RAMP, 1023)
    assert data.endswith(swapped)
    data = data[: -len(swapped)] + RAMP.astype("<u2").tobytes()
    with pytest.raises(PictureError, match=r"up to 65280, above its highest of 1023; its bytes"):
        decode_picture(data, "It")


@pytest.mark.parametrize("bits", [9, 12, 16])
def test_the_bits_of_a_pgm_are_those_of_its_header(bits):
    loaded = decode_picture(netpbm(RAMP * 4, 1023), "It", bits=bits)
    np.testing.assert_array_equal(loaded.pixels[..., 0], np.rint(RAMP * 4 * (255.0 / 1023)))


@pytest.mark.parametrize("note", [{}, {281: 4095}])
def test_white_is_the_highest_of_the_bits_where_white_is_zero(note):
    data = tiff(4095 - RAMP * 16, extra={262: 0, **note})
    shown = decode_picture(data, "It", bits=None if note else 12)
    np.testing.assert_array_equal(shown.pixels[..., 0], np.rint(RAMP * 16 * (255.0 / 4095)))
    assert shown.warnings == ()


def test_a_picture_of_few_bits_looks_white_where_white_is_zero():
    loaded = decode_picture(tiff(RAMP * 16, extra={262: 0}), "It")
    assert loaded.pixels.min() == 239
    assert "uses only 12 of 16 bits, so it looks white" in loaded.warnings[0]


@pytest.mark.parametrize(("most", "opaque"), [(65535, 65535), (4095, 4095)])
@pytest.mark.parametrize("source", ["the file", "the user"])
def test_alpha_has_a_range_of_its_own(most, opaque, source):
    colours = np.dstack([RAMP * 16 + 1] * 3)
    alpha = np.full((16, 16), opaque, np.uint16)
    alpha[0] = 0
    rows = [row.astype(">u2").tobytes() for row in np.dstack([colours, alpha])]
    note = [png_chunk(b"sBIT", bytes([12, 12, 12, most.bit_length()]))]
    data = png(16, 16, 6, rows, *(note if source == "the file" else []))
    shown = decode_picture(data, "It", bits=12 if source == "the user" else None).pixels
    expected = np.rint(colours * (255.0 / 4095))
    expected[0] = 255
    np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_packed_values_of_a_tiff_are_scaled_exactly(bits, white_is_zero):
    values = np.linspace(0, 2**bits - 1, 64).astype(int).reshape(4, 16)
    packed = int("".join(f"{value:0{bits}b}" for value in values.ravel()), 2)
    stored = np.frombuffer(packed.to_bytes(64 * bits // 8, "big"), np.uint8).reshape(4, -1)
    extra = {256: 16, 258: bits, 262: 0 if white_is_zero else 1}
    white = 2**bits - 1
    expected = np.rint((white - values if white_is_zero else values) * (255.0 / white))
    for given_bits in (None, 9, 16):
        loaded = decode_picture(packed_tiff(stored, extra), "It", bits=given_bits)
        np.testing.assert_array_equal(loaded.pixels[..., 0], expected)
        assert loaded.warnings == ()


def test_a_highest_value_that_is_no_power_says_nothing():
    """Some programs write the highest value that happens to be in the picture."""
    data = tiff(RAMP * 16, extra={281: 4080})
    loaded = decode_picture(data, "It")
    assert loaded.pixels.max() == 16
    assert "uses only 12 of 16 bits" in loaded.warnings[0]
    assert "--bits 12" in loaded.warnings[0]


def test_the_user_outranks_a_note_of_the_file():
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
