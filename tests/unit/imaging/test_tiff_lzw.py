"""Pieces of LZW in a TIFF that hold less than they must."""

import io

import numpy as np
import pytest
from lzw_codes import lzw
from picture_bytes import noise
from PIL import Image
from tiff_bytes import tiff_of

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.imaging.tiff_lzw import require_whole_lzw

HEIGHT, WIDTH, ROWS = 20, 31, 7
GREY = noise(HEIGHT, WIDTH)[..., 0] // 4 + 1
STRIPS = [GREY[top : top + ROWS].tobytes() for top in range(0, HEIGHT, ROWS)]
REFUSED = r"^It is truncated or damaged: a piece of LZW of the TIFF does not hold all of its rows; "


def strips_of_lzw(strips: list[bytes]) -> bytes:
    return tiff_of(WIDTH, HEIGHT, strips, {259: 5, 278: ROWS})


def single(codes: bytes, size: int) -> bytes:
    """A TIFF of one row and one strip."""
    return tiff_of(size, 1, [codes], {259: 5})


@pytest.mark.parametrize("ends", [True, False])
def test_whole_strips_are_read(ends):
    data = strips_of_lzw([lzw(strip, ends=ends) for strip in STRIPS])
    np.testing.assert_array_equal(decode_picture(data, "It").pixels[..., 0], GREY)


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("number", range(3))
def test_a_strip_with_a_byte_less_is_refused(number, ends):
    strips = [lzw(s[:-1] if at == number else s, ends=ends) for at, s in enumerate(STRIPS)]
    with pytest.raises(PictureError, match=REFUSED):
        decode_picture(strips_of_lzw(strips), "It")


@pytest.mark.parametrize("number", range(3))
def test_a_strip_that_is_cut_is_refused(number):
    strips = [lzw(strip) for strip in STRIPS]
    strips[number] = strips[number][: len(strips[number]) // 2]
    with pytest.raises(PictureError, match=REFUSED):
        decode_picture(strips_of_lzw(strips), "It")


def test_a_strip_with_a_byte_more_is_read():
    data = strips_of_lzw([lzw(strip + b"\x09") for strip in STRIPS])
    np.testing.assert_array_equal(decode_picture(data, "It").pixels[..., 0], GREY)


@pytest.mark.parametrize("size", [*range(1, 18), 511, 4097, 20_001])
def test_any_number_of_bytes_is_counted(size):
    row = noise(1, size)[0, :, 0].tobytes()
    require_whole_lzw(single(lzw(row), size), "It")
    with pytest.raises(PictureError, match=REFUSED):
        require_whole_lzw(single(lzw(row[:-1]), size), "It")


def saved(pixels: np.ndarray, rows: int) -> tuple[bytes, tuple[int, ...], tuple[int, ...]]:
    """What Pillow writes: the file, where its strips begin, and their sizes."""
    file = io.BytesIO()
    options = {317: 2, 278: rows}
    Image.fromarray(pixels).save(
        file, "tiff", compression="tiff_lzw", tiffinfo=options, strip_size=10**9
    )
    with Image.open(file) as picture:
        return file.getvalue(), picture.tag_v2[273], picture.tag_v2[279]


def test_a_piece_of_more_than_a_row_of_opencv_is_counted():
    grey = noise(701, 3001)[..., 0]  # over two million bytes
    data, (start,), (size,) = saved(grey, 701)
    require_whole_lzw(data, "It")
    codes = data[start : start + size]
    require_whole_lzw(tiff_of(3001, 701, [codes], {259: 5}), "It")
    with pytest.raises(PictureError, match=REFUSED):
        require_whole_lzw(tiff_of(3001, 702, [codes], {259: 5}), "It")


def test_what_pillow_writes_is_whole_and_noticed_when_a_strip_is_cut():
    rgb = noise(200, 333)
    data, starts, sizes = saved(rgb, 16)
    assert len(starts) == 13
    np.testing.assert_array_equal(decode_picture(data, "It").pixels, rgb)
    half = starts[5] + sizes[5] // 2
    cut = data[:half] + bytes(starts[6] - half) + data[starts[6] :]
    with pytest.raises(PictureError, match=REFUSED):
        decode_picture(cut, "It")


def test_tiles_and_planes_are_counted():
    wide = np.pad(GREY, ((0, 12), (0, 1)))
    tiles = [
        lzw(np.ascontiguousarray(wide[top : top + 16, left : left + 16]).tobytes())
        for top in (0, 16)
        for left in (0, 16)
    ]
    tags = {259: 5, 322: 16, 323: 16}
    data = tiff_of(WIDTH, HEIGHT, tiles, tags)
    np.testing.assert_array_equal(decode_picture(data, "It").pixels[..., 0], GREY)
    with pytest.raises(PictureError, match=REFUSED):
        decode_picture(tiff_of(WIDTH, HEIGHT, [*tiles[:3], lzw(bytes(255))], tags), "It")
    planes = [lzw(GREY.tobytes())] * 3
    tags = {258: [8, 8, 8], 259: 5, 262: 2, 277: 3, 284: 2}
    assert (decode_picture(tiff_of(WIDTH, HEIGHT, planes, tags), "It").pixels[..., 2] == GREY).all()
    planes[2] = lzw(GREY.tobytes()[:-1])
    with pytest.raises(PictureError, match=REFUSED):
        decode_picture(tiff_of(WIDTH, HEIGHT, planes, tags), "It")


def test_a_size_beyond_the_limit_is_told_before_anything_is_decompressed():
    data = tiff_of(30_000, 30_000, [lzw(bytes(9))], {259: 5})
    with pytest.raises(PictureError, match="more than the limit"):
        decode_picture(data, "It")
