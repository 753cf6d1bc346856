import struct

import pytest
from picture_bytes import encode, noise
from whole_files import tiff

from capsule_inspect.imaging.picture import Header, Refusal
from capsule_inspect.imaging.tiff_forms import read_tiff_header


def test_a_tiff_without_strip_sizes_is_read():
    assert read_tiff_header(tiff(without=279)) == Header("tiff", 16, 16, 1)


def test_a_grey_tiff_with_transparency_is_refused():
    data = encode(".tiff", noise(14, 23)[:, :, 0])
    samples = data.index(struct.pack("<HHI", 277, 3, 1)) + 8
    data = data[:samples] + struct.pack("<H", 2) + data[samples + 2 :]

    with pytest.raises(Refusal, match=r"transparency, which cannot be read; convert it to PNG\.$"):
        read_tiff_header(data)


def compressed_tiff(compression: int) -> bytes:
    data = tiff()
    field = data.index(struct.pack("<HHI", 259, 4, 1)) + 8
    return data[:field] + struct.pack("<I", compression) + data[field + 4 :]


# None, three of CCITT, LZW, JPEG, Deflate by two numbers, and PackBits.
@pytest.mark.parametrize("compression", [1, 2, 3, 4, 5, 7, 8, 32773, 32946])
def test_a_tiff_of_a_usual_compression_is_read(compression):
    assert read_tiff_header(compressed_tiff(compression)) == Header("tiff", 16, 16, 1)


@pytest.mark.parametrize("compression", [6, 34712, 50000, 60000])
def test_a_tiff_of_a_foreign_compression_is_refused(compression):
    data = compressed_tiff(compression)
    with pytest.raises(Refusal, match=f"compression {compression}, .*; convert it to PNG"):
        read_tiff_header(data)


def test_a_page_whose_pixels_are_not_all_there_is_truncated():
    with pytest.raises(Refusal, match="before its pixels do; copy it again"):
        read_tiff_header(tiff()[:-1])
