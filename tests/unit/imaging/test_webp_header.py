import pytest
from whole_files import WHOLE, riff

from capsule_inspect.imaging.refusal import Refusal
from capsule_inspect.imaging.webp_header import read_webp_header


@pytest.mark.parametrize("sides", [(1, 1), (16384, 3), (5, 16777216)])
def test_a_canvas_declares_its_size(sides):
    canvas = bytes(4) + b"".join((side - 1).to_bytes(3, "little") for side in sides)
    header = read_webp_header(riff((b"VP8X", canvas), (b"ANMF", bytes(16))))
    assert (header.width, header.height) == sides


@pytest.mark.parametrize("frames", [1, 2])
def test_an_animation_has_more_than_one_picture(frames):
    data = riff((b"VP8X", bytes(10)), *[(b"ANMF", bytes(16))] * frames)
    assert read_webp_header(data).more == (frames > 1)


def test_a_cut_file_says_how_much_of_it_is_there():
    data = WHOLE["webp"]
    end = 8 + int.from_bytes(data[4:8], "little")
    with pytest.raises(Refusal, match=f"is truncated: {end - 3} of the {end} bytes"):
        read_webp_header(data[: end - 3])


def test_a_chunk_that_is_longer_than_the_file_is_damage():
    data = bytearray(riff((b"VP8X", bytes(10)), (b"ANMF", bytes(16))))
    data[34] += 1
    with pytest.raises(Refusal, match="longer than the file"):
        read_webp_header(bytes(data))
