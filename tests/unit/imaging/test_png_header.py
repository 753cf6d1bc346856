import struct

import pytest
from picture_parts import png_chunk
from whole_files import encoded, with_png_chunk

from capsule_inspect.imaging.png_header import read_png_header
from capsule_inspect.imaging.refusal import Refusal


def test_an_animation_has_more_than_one_picture():
    frames = [
        with_png_chunk(encoded(".png"), b"acTL", struct.pack(">II", count, 0)) for count in (1, 3)
    ]
    assert [read_png_header(data).more for data in frames] == [False, True]


def test_a_wrong_checksum_is_named_with_its_place():
    data = bytearray(encoded(".png"))
    data[-1] ^= 1  # of IEND, the last 12 bytes
    with pytest.raises(Refusal, match=f"chunk at byte {len(data) - 12} is wrong; copy it again"):
        read_png_header(bytes(data))


def test_the_header_comes_first():
    png = encoded(".png")
    with pytest.raises(Refusal, match="does not start with its header"):
        read_png_header(png[:8] + png_chunk(b"gAMA", bytes(13)) + png[8:])
