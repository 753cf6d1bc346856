import contextlib
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from picture_parts import exif, png_chunk, with_app1
from whole_files import HEIGHT, WHOLE, WIDTH, encoded, extended_webp, riff, tiff, with_png_chunk

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.read_header import read_header

FORMATS = {".png": "png", ".jpg": "jpeg", ".bmp": "bmp", ".tiff": "tiff", ".webp": "webp"}


@pytest.mark.parametrize("extension", FORMATS)
def test_format_and_size_are_told_from_the_content(extension):
    header = read_header(encoded(extension), "misnamed.txt")

    assert header == Header(FORMATS[extension], WIDTH, HEIGHT, 1)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("jpeg-progressive", Header("jpeg", WIDTH, HEIGHT, 1)),
        ("jpeg-restarts", Header("jpeg", WIDTH, HEIGHT, 1)),
        ("jpeg-thumbnail", Header("jpeg", WIDTH, HEIGHT, 6)),
        ("bmp-core", Header("bmp", 5, 2, 1)),
        ("bmp-run-length", Header("bmp", 5, 1, 1)),
        ("bmp-run-length-4", Header("bmp", 5, 1, 1)),
        ("webp-lossless", Header("webp", WIDTH, HEIGHT, 1)),
        ("webp-extended", Header("webp", WIDTH, HEIGHT, 6)),
        ("tiff-little", Header("tiff", 16, 16, 1)),
        ("tiff-big", Header("tiff", 16, 16, 1)),
        ("tiff-directory-last", Header("tiff", 16, 16, 1)),
        ("tiff-tiled", Header("tiff", 16, 16, 1)),
    ],
)
def test_variants_of_each_format(kind, expected):
    assert read_header(WHOLE[kind], "x") == expected


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_cut_at_any_byte_is_refused(kind):
    data = WHOLE[kind]

    for length in range(len(data)):
        with pytest.raises(PictureError, match=r"^cut\.file "):
            read_header(data[:length], "cut.file")


@pytest.mark.parametrize("kind", WHOLE)
def test_bytes_after_the_end_are_ignored(kind):
    assert read_header(WHOLE[kind] + b"\xff\xd8 more", "x") == read_header(WHOLE[kind], "x")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_changed_bytes_give_a_header_or_a_picture_error(kind, data):
    changed = bytearray(WHOLE[kind])
    where = data.draw(st.lists(st.integers(0, len(changed) - 1), min_size=1, max_size=8))
    for position in where:
        changed[position] = data.draw(st.integers(0, 255))

    try:
        header = read_header(bytes(changed), "x")
    except PictureError:
        pass  # any other exception fails the test
    else:
        assert header.width > 0
        assert header.height > 0
        assert 1 <= header.orientation <= 8


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.integers(1, 40), st.binary(max_size=200))
@example("tiff", 8, b"\xff" * 200)
@example("jpeg", 2, b"\xff" * 200)
def test_foreign_bytes_behind_a_true_beginning(kind, kept, rest):
    with contextlib.suppress(PictureError):  # any other exception fails the test
        read_header(WHOLE[kind][:kept] + rest, "x")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_found_in_every_format_that_has_one(orientation, order):
    block = exif(orientation, order)
    files = [
        with_app1(encoded(".jpg"), block),
        with_png_chunk(encoded(".png"), b"eXIf", block),
        extended_webp(block),
        extended_webp(b"Exif\0\0" + block),
        tiff(order, extra=((274, orientation),)),
    ]

    assert [read_header(data, "x").orientation for data in files] == [orientation] * len(files)


@pytest.mark.parametrize(
    "block",
    [exif(0), exif(9), exif(6, kind=2), exif(6)[:20], b"II*\0", b"", b"XX*\0" + exif(6, ">")[4:]],
)
def test_an_invalid_orientation_spoils_no_picture(block):
    assert read_header(with_app1(encoded(".jpg"), block), "x") == Header("jpeg", WIDTH, HEIGHT, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"These are notes, not pixels.", "is not a picture"),
        (b"BMW is a maker of cars, and this is a text about it.", "is not a picture"),
        (b"GIF89a\1\0\1\0", "is a GIF file"),
        (b"%PDF-1.7", "is a PDF file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC, AVIF or video file"),
        (b"II+\0\x08\0\0\0", "is a BigTIFF file"),
        (b"MM\0+\0\x08\0\0", "is a BigTIFF file"),
        (b"RIFF\x04\0\0\0WAVE", "is not a picture"),
        (b"\0" * 100, "is not a picture"),
    ],
)
def test_what_is_no_readable_picture(content, message):
    with pytest.raises(PictureError, match=f"^a.png {message}"):
        read_header(content, "a.png")


def test_structures_without_pixels_or_size():
    png = encoded(".png")
    no_pixels = png[:33] + png[-12:]
    no_size = b"\xff\xd8\xff\xda\x00\x02\xff\xd9"
    only_canvas = riff((b"VP8X", bytes(10)))

    for data in (no_pixels, no_size, only_canvas, tiff(without=256), tiff(without=273)):
        with pytest.raises(PictureError, match="is damaged"):
            read_header(data, "x")


def test_a_side_of_zero_pixels():
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 5, 8, 0, 0, 0, 0))
    png = encoded(".png")

    with pytest.raises(PictureError, match="0 x 5 pixels"):
        read_header(png[:8] + header + png[33:], "x")


@pytest.mark.parametrize("kind", ["png", "png-exif"])
def test_every_changed_byte_of_a_png_is_found(kind):
    data = WHOLE[kind]

    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x10
        with pytest.raises(PictureError):
            read_header(bytes(changed), "x")
