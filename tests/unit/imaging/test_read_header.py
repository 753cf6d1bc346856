import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.read_header import read_header

WIDTH, HEIGHT = 23, 14
FORMATS = {".png": "png", ".jpg": "jpeg", ".bmp": "bmp", ".tiff": "tiff", ".webp": "webp"}


def noise(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(extension: str, *options: int, picture: np.ndarray | None = None) -> bytes:
    done, data = cv2.imencode(extension, noise() if picture is None else picture, list(options))
    assert done
    return data.tobytes()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """An EXIF block of one field, behind a field whose value lies outside the directory."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + {3: "H2x", 4: "I", 2: "B3x"}[kind], orientation)
    maker = struct.pack(order + "HHII", 0x010F, 2, 9, 38)
    field = struct.pack(order + "HHI", 0x0112, kind, 1) + value
    directory = struct.pack(order + "H", 2) + maker + field + struct.pack(order + "I", 0)
    return mark + struct.pack(order + "I", 8) + directory + b"somebody\0"


def with_app1(jpeg: bytes, body: bytes) -> bytes:
    body = b"Exif\0\0" + body
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def with_png_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    return png[:-12] + png_chunk(kind, body) + png[-12:]


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended_webp(exif_block: bytes) -> bytes:
    simple = encode(".webp", cv2.IMWRITE_WEBP_QUALITY, 80)
    kind, length = simple[12:16], int.from_bytes(simple[16:20], "little")
    assert kind == b"VP8 "
    sides = (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    canvas = b"\x08\0\0\0" + sides
    return riff((b"VP8X", canvas), (kind, simple[20 : 20 + length]), (b"EXIF", exif_block))


def tiff(
    order: str = "<",
    *,
    directory_first: bool = True,
    tiled: bool = False,
    extra: tuple[tuple[int, int], ...] = (),
    without: int | None = None,
) -> bytes:
    """A grey TIFF of 16 x 16 pixels in two strips, or in one tile."""
    pixels = bytes(range(256))
    layout = (322, 323, 324, 325) if tiled else (278, 273, 279)
    pieces = 1 if tiled else 2
    tags = [256, 257, 258, 259, 262, 277, *layout, *(tag for tag, _ in extra)]
    tags = sorted(tag for tag in tags if tag != without)
    directory_size = 2 + 12 * len(tags) + 4
    lists_size = 0 if tiled else 16
    directory_at = 8 if directory_first else 8 + 256
    lists_at = directory_at + directory_size
    pixels_at = lists_at + lists_size if directory_first else 8
    values = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1, 278: 8, 322: 16, 323: 16}
    values |= {324: pixels_at, 325: 256, 273: lists_at, 279: lists_at + 8} | dict(extra)
    entries = b"".join(
        struct.pack(order + "HHII", tag, 4, pieces if tag in (273, 279) else 1, values[tag])
        for tag in tags
    )
    lists = struct.pack(order + "4I", pixels_at, pixels_at + 128, 128, 128)[:lists_size]
    directory = struct.pack(order + "H", len(tags)) + entries + bytes(4) + lists
    mark = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", directory_at)
    return mark + (directory + pixels if directory_first else pixels + directory)


def core_bmp() -> bytes:
    """An OS/2 BMP: 5 x 2 pixels of 24 bits, rows padded to 16 bytes."""
    header = struct.pack("<IHHHH", 12, 5, 2, 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + 32, 0, 0, 26) + header + bytes(32)


def info_bmp(height: int, bits: int, compression: int, pixels: bytes) -> bytes:
    header = struct.pack(
        "<IiiHHIIiiII", 40, 5, height, 1, bits, compression, len(pixels), 0, 0, 0, 0
    )
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + header + pixels


THUMBNAIL = encode(".jpg", picture=noise(8, 8))
WHOLE = {
    "png": encode(".png"),
    "png-exif": with_png_chunk(encode(".png"), b"eXIf", exif(6)),
    "jpeg": encode(".jpg"),
    "jpeg-progressive": encode(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jpeg-restarts": encode(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "jpeg-thumbnail": with_app1(encode(".jpg"), exif(6) + THUMBNAIL),
    "bmp": encode(".bmp"),
    "bmp-core": core_bmp(),
    "bmp-run-length": info_bmp(1, 8, 1, b"\5\7\0\1"),
    "webp": encode(".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
    "webp-lossless": encode(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "webp-extended": extended_webp(exif(6)),
    "tiff": encode(".tiff"),
    "tiff-little": tiff("<"),
    "tiff-big": tiff(">"),
    "tiff-directory-last": tiff("<", directory_first=False),
    "tiff-ending-in-directory": tiff("<", directory_first=False, tiled=True),
    "tiff-tiled": tiff(">", tiled=True),
}


@pytest.mark.parametrize("extension", FORMATS)
def test_format_and_size_are_told_from_the_content(extension):
    header = read_header(encode(extension), "misnamed.txt")

    assert header == Header(FORMATS[extension], WIDTH, HEIGHT, 1)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("jpeg-progressive", Header("jpeg", WIDTH, HEIGHT, 1)),
        ("jpeg-restarts", Header("jpeg", WIDTH, HEIGHT, 1)),
        ("jpeg-thumbnail", Header("jpeg", WIDTH, HEIGHT, 6)),
        ("bmp-core", Header("bmp", 5, 2, 1)),
        ("bmp-run-length", Header("bmp", 5, 1, 1)),
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


def test_rows_of_a_bmp_may_run_downwards():
    assert read_header(info_bmp(-2, 24, 0, bytes(32)), "x") == Header("bmp", 5, 2, 1)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_cut_at_any_byte_is_refused(kind):
    data = WHOLE[kind]

    for length in range(len(data)):
        with pytest.raises(PictureError, match=r"^cut\.file "):
            read_header(data[:length], "cut.file")


@pytest.mark.parametrize("kind", WHOLE)
def test_bytes_after_the_end_are_ignored(kind):
    assert read_header(WHOLE[kind] + b"\xff\xd8 more", "x") == read_header(WHOLE[kind], "x")


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_a_cut_jpeg_is_called_truncated(share, options):
    data = encode(".jpg", *options, picture=noise(200, 300))

    with pytest.raises(PictureError, match=r"^a\.jpg is truncated"):
        read_header(data[: int(len(data) * share)], "a.jpg")


def test_a_cut_behind_a_segment_that_ends_like_an_end_marker():
    jpeg = encode(".jpg")
    cut = jpeg[:2] + b"\xff\xfe\x00\x04\xff\xd9"

    with pytest.raises(PictureError, match="truncated"):
        read_header(cut, "x")


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
        with_app1(encode(".jpg"), block),
        with_png_chunk(encode(".png"), b"eXIf", block),
        extended_webp(block),
        extended_webp(b"Exif\0\0" + block),
        tiff(order, extra=((274, orientation),)),
    ]

    assert [read_header(data, "x").orientation for data in files] == [orientation] * len(files)


@pytest.mark.parametrize(
    "block",
    [exif(0), exif(9), exif(6, kind=2), exif(6)[:20], b"II*\0", b"", b"XX*\0" + exif(6)[4:]],
)
def test_an_invalid_orientation_spoils_no_picture(block):
    assert read_header(with_app1(encode(".jpg"), block), "x") == Header("jpeg", WIDTH, HEIGHT, 1)


def test_the_first_exif_block_of_a_jpeg_counts():
    data = with_app1(with_app1(encode(".jpg"), exif(3)), exif(8))

    assert read_header(data, "x").orientation == 8


def test_fill_bytes_before_a_marker():
    data = encode(".jpg")
    filled = data[:2] + b"\xff" * 500 + data[2:-2] + b"\xff" * 500 + data[-2:]

    assert read_header(filled, "x") == Header("jpeg", WIDTH, HEIGHT, 1)


def test_a_jpeg_that_runs_into_another_one():
    data = encode(".jpg")

    with pytest.raises(PictureError, match="second JPEG"):
        read_header(data[:-40] + data, "x")


@pytest.mark.parametrize("kind", ["png", "png-exif"])
def test_every_changed_byte_of_a_png_is_found(kind):
    data = WHOLE[kind]

    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x10
        with pytest.raises(PictureError):
            read_header(bytes(changed), "x")


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
        (b"RIFF\x04\0\0\0WAVE", "is not a picture"),
        (b"\0" * 100, "is not a picture"),
    ],
)
def test_what_is_no_readable_picture(content, message):
    with pytest.raises(PictureError, match=f"^a.png {message}"):
        read_header(content, "a.png")


def test_structures_without_pixels_or_size():
    png = encode(".png")
    no_pixels = png[:33] + png[-12:]
    no_size = b"\xff\xd8\xff\xda\x00\x02\xff\xd9"
    only_canvas = riff((b"VP8X", bytes(10)))

    for data in (no_pixels, no_size, only_canvas, tiff(without=256), tiff(without=273)):
        with pytest.raises(PictureError, match="is damaged"):
            read_header(data, "x")


def test_a_side_of_zero_pixels():
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 5, 8, 0, 0, 0, 0))
    png = encode(".png")

    with pytest.raises(PictureError, match="0 x 5 pixels"):
        read_header(png[:8] + header + png[33:], "x")


def test_a_tiff_without_strip_sizes_is_read():
    assert read_header(tiff(without=279), "x") == Header("tiff", 16, 16, 1)


def test_a_grey_tiff_with_transparency_is_refused():
    data = encode(".tiff", picture=noise()[:, :, 0])
    samples = data.index(struct.pack("<HHI", 277, 3, 1)) + 8
    data = data[:samples] + struct.pack("<H", 2) + data[samples + 2 :]

    with pytest.raises(PictureError, match="transparency"):
        read_header(data, "x")


@pytest.mark.parametrize("compression", [6, 34712, 50000, 60000])
def test_a_tiff_of_a_foreign_compression_is_refused(compression):
    data = tiff()
    field = data.index(struct.pack("<HHI", 259, 4, 1)) + 8
    data = data[:field] + struct.pack("<I", compression) + data[field + 4 :]

    with pytest.raises(PictureError, match=f"is a TIFF of compression {compression}"):
        read_header(data, "x")
