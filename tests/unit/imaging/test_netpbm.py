import numpy as np
import pytest
from odd_forms import GREY, RGB, netpbm

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.headers import read_header
from capsule_inspect.imaging.netpbm import is_netpbm
from capsule_inspect.imaging.picture import Header
from capsule_inspect.imaging.read import decode_picture


def test_size_and_bits_come_from_the_header():
    assert read_header(netpbm(GREY), "It") == Header("pnm", 32, 24)
    assert read_header(netpbm(RGB.astype(np.uint16) * 16, 4095), "It").white == 4095
    assert read_header(netpbm(RGB, comment=b"# a\n# b\n"), "It") == Header("pnm", 32, 24)


@pytest.mark.parametrize("pixels", [GREY, RGB])
def test_the_pixels_are_those_that_are_stored(pixels):
    shown = decode_picture(netpbm(pixels), "It").pixels
    np.testing.assert_array_equal(shown, pixels if pixels.ndim == 3 else np.dstack([GREY] * 3))


@pytest.mark.parametrize("cut", [1, 100, 24 * 32 - 1])
def test_a_file_without_all_its_pixels_is_refused(cut):
    with pytest.raises(PictureError, match=r"^It is truncated"):
        read_header(netpbm(GREY)[:-cut], "It")


@pytest.mark.parametrize("highest", [1, 100, 256, 4000])
def test_a_highest_value_of_no_whole_bits_is_refused(highest):
    with pytest.raises(PictureError, match=f"has values from 0 to {highest}, which cannot be read"):
        read_header(netpbm(np.minimum(GREY, 1), highest), "It")


@pytest.mark.parametrize("text", [b"P5 is the fifth plan", b"P6", b"P5 3", b"P5 3 2 255"])
def test_a_text_is_none(text):
    assert not is_netpbm(text)


@pytest.mark.parametrize("first", [0, 10, 13])
@pytest.mark.parametrize("pixels", [GREY, RGB, GREY.astype(np.uint16) * 257])
def test_a_header_may_end_as_lines_of_windows_do(pixels, first):
    pixels = pixels.copy()
    pixels[0, 0] = first
    plain = netpbm(pixels, 255 if pixels.dtype == np.uint8 else 65535)
    head = plain[:16].rstrip().split(b"\n")[:3]
    start = len(b"\n".join(head)) + 1
    windows = b"\r\n".join(head) + b"\r\n" + plain[start:]
    shown = decode_picture(windows, "It").pixels
    np.testing.assert_array_equal(shown, decode_picture(plain, "It").pixels)


@pytest.mark.parametrize("change", [-1, 1])
def test_windows_line_ends_are_refused_where_the_length_does_not_fit(change):
    data = b"P5\r\n3 2\r\n255\r\n" + bytes(6 + change)
    with pytest.raises(PictureError, match=r"^It ends its header in CR and LF, so its pixels may"):
        decode_picture(data, "It")
