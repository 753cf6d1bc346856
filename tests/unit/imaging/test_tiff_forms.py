import struct

import numpy as np
import pytest
from picture_bytes import encode, noise
from tiff_bytes import tiff_of
from whole_files import tiff

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import Header, Refusal
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.imaging.tiff_forms import read_tiff_header


def test_a_tiff_without_strip_sizes_is_read():
    assert read_tiff_header(tiff(without=279)) == Header("tiff", 16, 16, 1)


def test_a_grey_tiff_with_transparency_is_refused():
    data = encode(".tiff", noise(14, 23)[:, :, 0])
    samples = data.index(struct.pack("<HHI", 277, 3, 1)) + 8
    data = data[:samples] + struct.pack("<H", 2) + data[samples + 2 :]

    with pytest.raises(Refusal, match=r"transparency, which cannot be read; convert it to PNG\.$"):
        read_tiff_header(data)


@pytest.mark.parametrize("extra", [[2, 0], [0, 1], [0, 0, 2]])
def test_the_alpha_of_a_grey_tiff_may_come_later(extra):
    samples = 1 + len(extra)
    tags = {258: [8] * samples, 277: samples, 338: extra}
    with pytest.raises(Refusal, match="is a grey TIFF with transparency"):
        read_tiff_header(tiff_of(4, 6, [bytes(24 * samples)], tags))


def test_further_channels_of_a_grey_tiff_are_left_out():
    stored = noise(6, 4)
    tags = {258: [8] * 3, 277: 3, 338: [0, 0]}
    shown = decode_picture(tiff_of(4, 6, [stored.tobytes()], tags), "It").pixels
    np.testing.assert_array_equal(shown, np.dstack([stored[..., 0]] * 3))


def compressed_tiff(compression: int) -> bytes:
    data = tiff()
    field = data.index(struct.pack("<HHI", 259, 4, 1)) + 8
    return data[:field] + struct.pack("<I", compression) + data[field + 4 :]


# None, three of CCITT, LZW and JPEG. `test_tiff_pieces.py` has the others.
@pytest.mark.parametrize("compression", [1, 2, 3, 4, 5, 7])
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


def small(tags: dict[int, int | list[int] | bytes], pixels: bytes = bytes(24)) -> bytes:
    return tiff_of(4, 6, [pixels], tags)


def test_a_camera_raw_is_refused_by_name():
    with pytest.raises(Refusal, match=r"^is a camera raw file; convert it to PNG"):
        read_tiff_header(small({50706: [1, 4, 0, 0]}))
    canon = b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + small({})[8:]
    canon = canon[:16] + bytes([1, 0]) + bytes(16)
    with pytest.raises(Refusal, match="is a camera raw file"):
        read_tiff_header(canon)


def test_pixels_that_begin_with_the_letters_of_a_raw_file_are_pixels():
    assert read_tiff_header(small({}, b"CR\2\0" + bytes(20))) == Header("tiff", 4, 6)


@pytest.mark.parametrize("mark", [{254: 1}, {254: 3}, {255: 2}])
def test_a_thumbnail_before_its_picture_is_refused(mark):
    assert read_tiff_header(small(mark)) == Header("tiff", 4, 6)
    with pytest.raises(Refusal, match=r"^begins with a thumbnail of its picture; convert it"):
        read_tiff_header(small({**mark, 330: 8}))
    with pytest.raises(Refusal, match="begins with a thumbnail"):
        read_tiff_header(small(mark)[:-4] + b"\x08\0\0\0")


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (b"ImageJ=1.53t\nimages=3\nslices=3\n\0", True),
        (b"ImageJ=1.53t\nimages=1\n\0", False),
        (b"ImageJ=1.53t\n\0", False),
        (b'{"shape": [3, 6, 4]}\0', True),
        (b'{"shape": [6, 4]}\0', False),
        (b'{"shape": [1, 6, 4, 1], "axes": "TYXS"}\0', False),
        (b"A stack of images=3\0", False),
    ],
)
def test_a_stack_with_one_directory_has_more_pictures(text, more):
    assert read_tiff_header(small({270: text})).more == more
    assert (decode_picture(small({270: text}), "It").warnings == ()) != more


def test_a_colour_picture_is_no_stack():
    tags = {258: [8, 8, 8], 262: 2, 277: 3, 270: b'{"shape": [6, 4, 3]}\0'}
    assert not read_tiff_header(small(tags, bytes(72))).more


@pytest.mark.parametrize("bits", [8, 16])
def test_cielab_is_refused_at_any_depth(bits):
    tags = {258: [bits] * 3, 262: 8, 277: 3}
    with pytest.raises(Refusal, match=f"is a TIFF of {bits} bits of CIELab, which cannot be read"):
        read_tiff_header(small(tags, bytes(144)))


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("samples", [3, 4])
def test_deep_grey_with_further_channels_is_refused(photometric, samples):
    tags = {258: [16] * samples, 262: photometric, 277: samples, 338: [0] * (samples - 1)}
    with pytest.raises(Refusal, match=r"^is a grey TIFF of 16 bits with further channels"):
        read_tiff_header(small(tags, bytes(48 * samples)))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [None, 1, 2])
def test_dark_colours_are_blended_with_white_exactly(bits, extra):
    """All are below their alpha, as multiplied ones would be."""
    random = np.random.default_rng(4)
    alpha = random.integers(100, 256, (6, 4, 1))
    colours = random.integers(0, 60, (6, 4, 3))
    stored = np.concatenate([colours, alpha], 2).astype(np.uint8)
    pixels = stored if bits == 8 else stored.astype("<u2") * 257
    tags: dict[int, int | list[int] | bytes] = {258: [bits] * 4, 262: 2, 277: 4}
    tags |= {} if extra is None else {338: extra}
    shown = decode_picture(small(tags, pixels.tobytes()), "It").pixels
    share = 1 if extra == 1 else alpha / 255
    assert np.abs(shown - (colours * share + 255 - alpha)).max() <= 1


def test_a_channel_of_unknown_kind_is_refused():
    with pytest.raises(PictureError, match="is a TIFF with a channel of kind 999"):
        decode_picture(small({258: [8] * 4, 262: 2, 277: 4, 338: 999}, bytes(96)), "It")
