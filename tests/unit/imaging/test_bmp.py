"""Forms of BMP, written here byte by byte, and what each must show."""

import struct

import numpy as np
import pytest

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.bmp import is_bmp
from capsule_inspect.imaging.read import decode_picture

RGB = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
HEIGHT, WIDTH, _ = RGB.shape
PALETTE = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)


def rows(pixels: np.ndarray, from_below: bool = True) -> bytes:
    """The rows of a BMP, each padded to four bytes."""
    packed = [row.tobytes() for row in (pixels[::-1] if from_below else pixels)]
    return b"".join(row + bytes(-len(row) % 4) for row in packed)


def bmp(header: bytes, pixels: bytes, palette: bytes = b"") -> bytes:
    start = 14 + len(header) + len(palette)
    file = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    return file + header + palette + pixels


def os2(bits: int) -> bytes:
    return struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, bits)


def info(bits: int, compression: int = 0, height: int = HEIGHT, size: int = 40) -> bytes:
    header = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return header + bytes(size - 40)


BGR = RGB[..., ::-1]
INDEX = RGB[..., 0]
BGRX = np.dstack([BGR, np.full((HEIGHT, WIDTH), 77, np.uint8)])
MASKS = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        pytest.param(bmp(os2(24), rows(BGR)), RGB, id="OS/2, 24 bits"),
        pytest.param(
            bmp(os2(8), rows(INDEX), PALETTE[:, ::-1].tobytes()), PALETTE[INDEX], id="OS/2, 8 bits"
        ),
        pytest.param(bmp(info(24, size=64), rows(BGR)), RGB, id="OS/2 version 2"),
        pytest.param(bmp(info(24), rows(BGR)), RGB, id="from below"),
        pytest.param(bmp(info(24, height=-HEIGHT), rows(BGR, False)), RGB, id="from the top"),
        pytest.param(bmp(info(32), rows(BGRX)), RGB, id="32 bits"),
        pytest.param(bmp(info(32, 3), rows(BGRX), MASKS), RGB, id="bit fields"),
    ],
)
def test_each_form_shows_its_colours(data, shown):
    assert is_bmp(data)
    assert np.array_equal(decode_picture(data, "x").pixels, shown)


def test_another_order_of_channels_is_refused_by_name():
    masks = struct.pack("<III", 0xFF, 0xFF00, 0xFF0000)
    with pytest.raises(PictureError, match="is a BMP with channels in a rare order"):
        decode_picture(bmp(info(32, 3), rows(np.dstack([RGB, INDEX])), masks), "x")


@pytest.mark.parametrize("size", [40, 52])
def test_another_order_after_a_short_header_is_refused(size):
    masks = struct.pack("<III", 0xFF, 0xFF00, 0xFF0000)
    header = info(32, 3)[:40] + masks
    header = struct.pack("<I", size) + header[4:]
    with pytest.raises(PictureError, match="is a BMP with channels in a rare order"):
        decode_picture(bmp(header, rows(BGRX)), "x")
    usual = header[:40] + MASKS
    assert np.array_equal(decode_picture(bmp(usual, rows(BGRX)), "x").pixels, RGB)


LEVELS_OF_16 = np.random.default_rng(2).integers(0, 2**16, (HEIGHT, WIDTH)).astype(np.uint16)


def by_masks(words: np.ndarray, *masks: int) -> np.ndarray:
    """The colours of 16 bits: each channel's share of its own most, in 255."""
    shares = [(words & mask) / mask for mask in masks]
    return np.rint(np.dstack(shares) * 255).astype(np.uint8)


@pytest.mark.parametrize("size", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(
    "masks",
    [(0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F), (0x1F, 0x7E0, 0xF800), (0xF00, 0xF0, 0xF)],
)
@pytest.mark.parametrize("from_below", [True, False])
def test_16_bits_span_the_whole_range(size, masks, from_below):
    first = info(16, 3, HEIGHT if from_below else -HEIGHT)
    fields = struct.pack("<III", *masks)
    header = struct.pack("<I", size) + first[4:] + fields + bytes(max(0, size - 52))
    shown = decode_picture(bmp(header, rows(LEVELS_OF_16, from_below)), "x").pixels
    np.testing.assert_array_equal(shown, by_masks(LEVELS_OF_16, *masks))


@pytest.mark.parametrize("width", [5, 6])
def test_16_bits_without_masks_have_5_for_each_channel(width):
    words = LEVELS_OF_16[:, :width]
    header = info(16)[:4] + struct.pack("<i", width) + info(16)[8:]
    shown = decode_picture(bmp(header, rows(words)), "x").pixels
    np.testing.assert_array_equal(shown, by_masks(words, 0x7C00, 0x3E0, 0x1F))


@pytest.mark.parametrize("mask", [0, 0xA0, 0x1F0000])
def test_masks_that_are_no_run_of_16_bits_are_refused(mask):
    masks = struct.pack("<III", 0x7C00, 0x3E0, mask)
    with pytest.raises(PictureError, match="is a BMP with channels in a rare order"):
        decode_picture(bmp(info(16, 3), rows(LEVELS_OF_16), masks), "x")


@pytest.mark.parametrize("start", [0, 2, 14, 53])
def test_pixels_inside_the_header_are_damage(start):
    data = bmp(info(24), rows(BGR))
    data = data[:10] + struct.pack("<I", start) + data[14:]
    with pytest.raises(PictureError, match=r"^x is damaged: its pixels begin inside its BMP"):
        decode_picture(data, "x")
