"""Strips and tiles of a TIFF that hold less than they must, or something else."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from picture_bytes import encode, noise
from tiff_bytes import tiff_of

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.read import decode_picture

HEIGHT, WIDTH, ROWS = 20, 30, 8
GREY = noise(HEIGHT, WIDTH)[..., 0] // 4
STRIPS = [GREY[top : top + ROWS].tobytes() for top in range(0, HEIGHT, ROWS)]


def packed(data: bytes) -> bytes:
    """PackBits: a run for equal bytes, else two literal bytes; and a 128, which means nothing."""
    out = b"\x80"
    for first in range(0, len(data), 2):
        pair = data[first : first + 2]
        same = len(pair) == 2 and pair[0] == pair[1]
        out += bytes([255, pair[0]]) if same else bytes([len(pair) - 1]) + pair
    return out


COMPRESSIONS = {1: bytes, 8: zlib.compress, 32946: zlib.compress, 32773: packed}


def shown(strips: list[bytes], compression: int = 1) -> np.ndarray:
    data = tiff_of(WIDTH, HEIGHT, strips, {259: compression, 278: ROWS})
    return decode_picture(data, "It").pixels[..., 0]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_whole_strips_are_read(compression):
    strips = [COMPRESSIONS[compression](strip) for strip in STRIPS]
    np.testing.assert_array_equal(shown(strips, compression), GREY)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("number", range(3))
def test_a_strip_with_a_byte_less_is_truncated(compression, number):
    strips = [
        COMPRESSIONS[compression](strip[:-1] if place == number else strip)
        for place, strip in enumerate(STRIPS)
    ]
    with pytest.raises(PictureError, match=r"^It is truncated: a piece of the TIFF ends before"):
        shown(strips, compression)


@pytest.mark.parametrize("compression", [8, 32773])
def test_a_cut_stream_is_truncated(compression):
    strips = [COMPRESSIONS[compression](strip) for strip in STRIPS]
    strips[1] = strips[1][: len(strips[1]) // 2]
    with pytest.raises(PictureError, match="is truncated"):
        shown(strips, compression)


def test_a_changed_byte_of_a_deflated_strip_is_damage():
    strips = [zlib.compress(strip) for strip in STRIPS]
    changed = bytearray(strips[1])
    changed[-1] ^= 1  # of the checksum
    strips[1] = bytes(changed)
    with pytest.raises(PictureError, match=r"is damaged: a piece of the TIFF cannot be decomp"):
        shown(strips, 8)


def test_a_strip_that_inflates_to_too_much_is_read():
    strips = [zlib.compress(strip + bytes(10**6)) for strip in STRIPS]
    np.testing.assert_array_equal(shown(strips, 8), GREY)


def test_each_plane_has_strips_of_its_own():
    rgb = noise(HEIGHT, WIDTH)
    strips = [
        zlib.compress(np.ascontiguousarray(rgb[top : top + ROWS, :, channel]).tobytes())
        for channel in range(3)
        for top in range(0, HEIGHT, ROWS)
    ]
    tags = {258: [8, 8, 8], 259: 8, 262: 2, 277: 3, 278: ROWS, 284: 2}
    data = tiff_of(WIDTH, HEIGHT, strips, tags)
    np.testing.assert_array_equal(decode_picture(data, "It").pixels, rgb)
    strips[7] = zlib.compress(bytes(WIDTH * ROWS - 1))
    with pytest.raises(PictureError, match="is truncated"):
        decode_picture(tiff_of(WIDTH, HEIGHT, strips, tags), "It")


def test_a_tile_is_whole_beyond_the_edges_of_the_picture():
    tags = {259: 8, 322: 16, 323: 16}
    wide = np.pad(GREY, ((0, 12), (0, 2)))
    tiles = [
        zlib.compress(np.ascontiguousarray(wide[top : top + 16, left : left + 16]).tobytes())
        for top in (0, 16)
        for left in (0, 16)
    ]
    data = tiff_of(WIDTH, HEIGHT, tiles, tags)
    np.testing.assert_array_equal(decode_picture(data, "It").pixels[..., 0], GREY)
    tiles[3] = zlib.compress(bytes(255))
    with pytest.raises(PictureError, match="is truncated"):
        decode_picture(tiff_of(WIDTH, HEIGHT, tiles, tags), "It")


def test_a_single_tile_that_is_too_short_is_truncated():
    tags = {322: 32, 323: 32}
    tile = np.pad(GREY, ((0, 12), (0, 2))).tobytes()
    whole = tiff_of(WIDTH, HEIGHT, [tile], tags)
    np.testing.assert_array_equal(decode_picture(whole, "It").pixels[..., 0], GREY)
    with pytest.raises(PictureError, match="is truncated"):
        decode_picture(tiff_of(WIDTH, HEIGHT, [tile[:-1]], tags), "It")


@pytest.mark.parametrize(
    ("subsampling", "size"),
    # 8 x 6 pixels: the number of blocks across and down, and the values of each.
    [([2, 1], 4 * 6 * 4), ([2, 2], 4 * 3 * 6), ([1, 1], 8 * 6 * 3)],
)
def test_colours_may_have_fewer_values_than_greys(subsampling, size):
    tags = {258: [8, 8, 8], 259: 8, 262: 6, 277: 3, 530: subsampling}
    data = tiff_of(8, 6, [zlib.compress(b"\x80" * size)], tags)
    assert np.ptp(decode_picture(data, "It").pixels) <= 2
    with pytest.raises(PictureError, match="is truncated"):
        decode_picture(tiff_of(8, 6, [zlib.compress(bytes(size - 1))], tags), "It")


SMOOTH = np.dstack(np.meshgrid(np.arange(32) * 7, np.arange(24) * 9, [90]))
SMOOTH = SMOOTH.astype(np.uint8)
JFIF = encode(".jpg", SMOOTH[..., ::-1], cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111)


def with_adobe(transform: int) -> bytes:
    """The JPEG without JFIF, and with a segment of Adobe that says which colours it has."""
    body = b"Adobe\0\x64\0\0\0\0" + bytes([transform])
    segment = b"\xff\xee" + struct.pack(">H", len(body) + 2) + body
    (length,) = struct.unpack_from(">H", JFIF, 4)
    return JFIF[:2] + segment + JFIF[4 + length :]


def jpeg_tiff(jpeg: bytes, photometric: int, height: int = 24) -> bytes:
    tags = {258: [8, 8, 8], 259: 7, 262: photometric, 277: 3, 530: [1, 1]}
    return tiff_of(32, height, [jpeg], tags)


@pytest.mark.parametrize("jpeg", [JFIF, with_adobe(1)])
def test_a_jpeg_of_the_colours_that_the_tiff_says_is_read(jpeg):
    pixels = decode_picture(jpeg_tiff(jpeg, 6), "It").pixels
    assert np.abs(pixels.astype(int) - SMOOTH).max() <= 16


@pytest.mark.parametrize(
    ("jpeg", "photometric"), [(JFIF, 2), (with_adobe(1), 2), (with_adobe(0), 6)]
)
def test_a_jpeg_of_other_colours_is_refused(jpeg, photometric):
    with pytest.raises(PictureError, match="is a TIFF whose JPEG has other colours"):
        decode_picture(jpeg_tiff(jpeg, photometric), "It")


def test_a_jpeg_of_fewer_rows_is_refused():
    with pytest.raises(PictureError, match="a JPEG in the TIFF is not of the size"):
        decode_picture(jpeg_tiff(JFIF, 6, height=25), "It")
