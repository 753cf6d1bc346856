import contextlib
import struct

import cv2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from picture_bytes import encode, noise
from picture_parts import exif, png_chunk, with_app1
from whole_files import (
    HEIGHT,
    WHOLE,
    WIDTH,
    encoded,
    extended_webp,
    info_bmp,
    riff,
    tiff,
    with_png_chunk,
)

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.headers import (
    read_bmp_header,
    read_header,
    read_jpeg_header,
    read_png_header,
    read_webp_header,
)
from capsule_inspect.imaging.picture import Header, Refusal

FORMATS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".bmp": "bmp",
    ".tiff": "tiff",
    ".webp": "webp",
    ".ppm": "pnm",
    ".avif": "avif",
}


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


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_a_cut_jpeg_is_called_truncated(share, options):
    data = encode(".jpg", noise(200, 300), *options)

    with pytest.raises(Refusal, match=r"^is truncated"):
        read_jpeg_header(data[: int(len(data) * share)])


def test_a_cut_behind_a_segment_that_ends_like_an_end_marker():
    jpeg = encoded(".jpg")
    cut = jpeg[:2] + b"\xff\xfe\x00\x04\xff\xd9"

    with pytest.raises(Refusal, match="truncated"):
        read_jpeg_header(cut)


def test_the_first_exif_block_of_a_jpeg_counts():
    data = with_app1(with_app1(encoded(".jpg"), exif(3)), exif(8))

    assert read_jpeg_header(data).orientation == 8


def test_fill_bytes_before_a_marker():
    data = encoded(".jpg")
    filled = data[:2] + b"\xff" * 500 + data[2:-2] + b"\xff" * 500 + data[-2:]

    assert read_jpeg_header(filled) == Header("jpeg", WIDTH, HEIGHT, 1)


def test_a_jpeg_that_runs_into_another_one():
    data = encoded(".jpg")

    with pytest.raises(Refusal, match="second JPEG"):
        read_jpeg_header(data[:-40] + data)


def test_an_animated_png_has_more_than_one_picture():
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


def test_rows_of_a_bmp_may_run_downwards():
    assert read_bmp_header(info_bmp(-2, 24, 0, bytes(32))) == Header("bmp", 5, 2, 1)


@pytest.mark.parametrize(("bits", "row_bytes"), [(1, 4), (8, 8), (24, 16), (32, 20)])
def test_rows_are_padded_to_four_bytes(bits, row_bytes):
    end = 54 + 2 * row_bytes
    assert read_bmp_header(info_bmp(2, bits, 0, bytes(2 * row_bytes))).width == 5
    with pytest.raises(Refusal, match=f"is truncated: {end - 1} of the {end} bytes"):
        read_bmp_header(info_bmp(2, bits, 0, bytes(2 * row_bytes - 1)))


@pytest.mark.parametrize("sides", [(1, 1), (16384, 3), (5, 16777216)])
def test_a_canvas_declares_its_size(sides):
    canvas = bytes(4) + b"".join((side - 1).to_bytes(3, "little") for side in sides)
    header = read_webp_header(riff((b"VP8X", canvas), (b"ANMF", bytes(16))))
    assert (header.width, header.height) == sides


@pytest.mark.parametrize("frames", [1, 2])
def test_an_animated_webp_has_more_than_one_picture(frames):
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


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bytes(128) + b"DICM" + bytes(99), "DICOM"),
        (b"\xff\x4f\xff\x51" + bytes(99), "JPEG 2000"),
        (bytes([0, 0, 0, 12]) + b"jP  \r\n\x87\n" + bytes(99), "JPEG 2000"),
        (b"\xff\x0a" + bytes(99), "JPEG XL"),
        (bytes([0, 0, 0, 12]) + b"JXL \r\n\x87\n" + bytes(99), "JPEG XL"),
        (b"II\xbc\x01" + bytes(99), "JPEG XR"),
        (b"P2 4 2 255\n" + b"0 " * 8, "PGM, PPM or PBM"),
        (b"P4\n# a scanner\n4 2\n" + bytes(2), "PGM, PPM or PBM"),
        (b"P7\nWIDTH 4\nHEIGHT 2\n", "PGM, PPM or PBM"),
        (bytes([0, 0, 0, 24]) + b"ftypheic" + bytes(99), "HEIC, AVIF or video"),
        (bytes([0, 0, 0, 24]) + b"ftypcrx " + bytes(99), "camera raw"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(99), "camera raw"),
        (b"\x76\x2f\x31\x01" + bytes(99), "OpenEXR"),
        (b"SIMPLE  =                    T" + bytes(99), "FITS"),
        (b"qoif" + bytes(99), "QOI"),
        (
            b"\xff\xd8\xff\xf7\0\x0b\x08\0\2\0\2\1\1\x11\0"
            b"\xff\xda\0\x08\1\1\0\0\0\0\x55\x55\xff\xd9",
            "JPEG-LS",
        ),
        # Its pixels hold what would be a marker in other JPEG files, and no end.
        (b"\xff\xd8\xff\xf7\0\x0b\x08\0\2\0\2\1\1\x11\0\xff\x7f\xff\x10", "JPEG-LS"),
    ],
)
def test_a_format_that_is_not_read_is_called_by_its_name(data, kind):
    with pytest.raises(PictureError, match=f"is a {kind} file; convert it to PNG"):
        read_header(data, "It")


@pytest.mark.parametrize("text", [b"P5 is the fifth plan", b"PK", b"II", b"#?", b"P5"])
def test_a_text_that_begins_like_a_format_is_no_picture(text):
    with pytest.raises(PictureError, match="is not a picture"):
        read_header(text, "It")
