import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_parts import exif, png_chunk, with_app1

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.header import read_header
from capsule_inspect.imaging.read import (
    MAX_PIXELS,
    PICTURE_EXTENSIONS,
    decode_picture,
    load_picture,
    read_mask,
    read_picture,
)

LOSSLESS = [".png", ".bmp", ".tiff", ".webp"]


def encode(extension: str, array: np.ndarray, *options: int) -> bytes:
    if extension == ".webp":
        options = (cv2.IMWRITE_WEBP_QUALITY, 101)
    done, data = cv2.imencode(extension, array, list(options))
    assert done
    return data.tobytes()


def noise(height: int, width: int, *, dtype: type = np.uint8) -> np.ndarray:
    shape = (height, width, 3)
    return np.random.default_rng(5).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def png(width: int, depth: int, colour: int, rows: list[bytes], *extra: bytes) -> bytes:
    """A PNG from packed rows; colour 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [
        png_chunk(b"IHDR", header),
        *extra,
        png_chunk(b"IDAT", pixels),
        png_chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(pixels: np.ndarray, kind: int = 1, extra: dict[int, int] | None = None) -> bytes:
    """An uncompressed TIFF of one strip.

    `kind` is the sample format: 1 unsigned, 2 signed, 3 float.
    """
    height, width = pixels.shape[:2]
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    data, bits = pixels.tobytes(), pixels.dtype.itemsize * 8
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1 if samples == 1 else 2, 273: 8}
    tags |= {277: samples, 278: height, 279: len(data)} | (extra or {})
    per_sample = {258: bits, 339: kind}
    directory_at = 8 + len(data)
    lists_at = directory_at + 2 + 12 * (len(tags) + 1) + 4
    entries, lists = b"", b""
    for tag in sorted({*tags, 339}):
        if tag not in per_sample:
            entries += struct.pack("<HHII", tag, 4, 1, tags[tag])
        elif samples <= 2:
            entries += struct.pack("<HHIHH", tag, 3, samples, *[per_sample[tag]] * 2)
        else:
            entries += struct.pack("<HHII", tag, 3, samples, lists_at + len(lists))
            lists += struct.pack(f"<{samples}H", *[per_sample[tag]] * samples)
    directory = struct.pack("<H", len(tags) + 1) + entries + bytes(4) + lists
    return b"II*\0" + struct.pack("<I", directory_at) + data + directory


def oriented(extension: str, bgr: np.ndarray, orientation: int) -> bytes:
    block = exif(orientation)
    if extension == ".tiff":
        return tiff(np.ascontiguousarray(bgr[:, :, ::-1]), extra={274: orientation})
    data = encode(extension, bgr, cv2.IMWRITE_JPEG_QUALITY, 100)
    if extension == ".jpg":
        return with_app1(data, block)
    if extension == ".png":
        return data[:33] + png_chunk(b"eXIf", block) + data[33:]
    sides = [(side - 1).to_bytes(3, "little") for side in (bgr.shape[1], bgr.shape[0])]
    canvas = b"VP8X" + struct.pack("<II", 10, 8) + sides[0] + sides[1]
    padded = block + bytes(len(block) % 2)
    body = b"WEBP" + canvas + data[12:] + b"EXIF" + struct.pack("<I", len(block)) + padded
    return b"RIFF" + struct.pack("<I", len(body)) + body


def cmyk_jpeg(inks: tuple[int, int, int, int]) -> bytes:
    """One 8 x 8 block of one colour, stored inverted as Adobe does; only DC coefficients."""
    bits = ""
    for ink in inks:
        dc = (255 - ink - 128) * 8
        size = abs(dc).bit_length()
        bits += f"{size:04b}"  # the table below gives category n the 4-bit code n
        bits += f"{dc if dc > 0 else dc + (1 << size) - 1:0{size}b}" if size else ""
        bits += "0"  # end of block
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    components = b"".join(bytes([number, 0x11, 0]) for number in range(4))
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"),
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 4) + components),
            segment(0xC4, b"\x00" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12))),
            segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0"),
            segment(0xDA, b"\4" + b"".join(bytes([n, 0]) for n in range(4)) + b"\0\x3f\0"),
            scan + b"\xff\xd9",
        ]
    )


@pytest.mark.parametrize("extension", LOSSLESS)
def test_a_lossless_picture_comes_back_as_rgb(tmp_path, extension):
    bgr = noise(11, 17)
    path = tmp_path / f"a{extension}"
    path.write_bytes(encode(extension, bgr))

    picture = read_picture(path)

    np.testing.assert_array_equal(picture, bgr[:, :, ::-1])
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert picture.flags.owndata
    assert picture.flags.writeable


def test_a_jpeg_comes_back_as_rgb():
    bgr = np.full((16, 24, 3), (10, 120, 240), np.uint8)

    picture = decode_picture(encode(".jpg", bgr), "x")

    assert np.abs(picture.astype(int) - (240, 120, 10)).max() <= 3


def test_the_extension_does_not_matter(tmp_path):
    bgr = noise(4, 5)
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encode(".png", bgr))

    np.testing.assert_array_equal(read_picture(path), bgr[:, :, ::-1])


UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: np.rot90(np.fliplr(stored), 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(np.fliplr(stored), -1),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".tiff"])
def test_the_exif_orientation_is_applied_once(extension, orientation):
    small = np.array([[250, 160, 90], [10, 60, 200]], np.uint8)
    stored = np.dstack([np.kron(small, np.ones((16, 16), np.uint8))] * 3)

    picture = decode_picture(oriented(extension, stored, orientation), "x")

    expected = UPRIGHT[orientation](stored)
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).max() <= (3 if extension == ".jpg" else 0)
    assert picture.flags.owndata


@pytest.mark.parametrize(
    ("orientation", "first_pixel_at"),
    # Exif 3.0: where row 0 and column 0 of the stored picture are seen.
    list(enumerate(["top left", "top right", "bottom right", "bottom left"] * 2, start=1)),
)
def test_the_corner_of_the_first_pixel(orientation, first_pixel_at):
    stored = np.full((4, 6, 3), 255, np.uint8)
    stored[0, 0] = 0

    picture = decode_picture(oriented(".png", stored, orientation), "x")

    row, column = np.argwhere(picture[:, :, 0] == 0)[0]
    assert f"{'bottom' if row else 'top'} {'right' if column else 'left'}" == first_pixel_at
    assert picture.shape == ((6, 4, 3) if orientation >= 5 else (4, 6, 3))


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bits_are_scaled_by_value(extension):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    picture = decode_picture(encode(extension, ramp), "x")

    # floor(x / 257 + 1/2) in whole numbers
    expected = (2 * np.arange(65536) + 257) // 514
    np.testing.assert_array_equal(picture[:, :, 1].ravel(), expected)
    assert len(np.unique(picture)) == 256


def test_16_bit_colours():
    bgr = noise(5, 6, dtype=np.uint16)

    picture = decode_picture(encode(".png", bgr), "x")

    np.testing.assert_array_equal(picture, (2 * bgr[:, :, ::-1].astype(int) + 257) // 514)


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tiff", ".jpg"])
def test_grey_becomes_rgb(extension):
    grey = np.full((16, 24), 77, np.uint8)

    picture = decode_picture(encode(extension, grey), "x")

    np.testing.assert_array_equal(picture, np.full((16, 24, 3), 77))


def test_alpha_is_blended_with_white():
    # 100 at alpha 51 of 255: a fifth of 100 and four fifths of 255 are 224
    row = bytes([100, 0, 255, 51, 9, 9, 9, 0, 10, 20, 30, 255])

    picture = decode_picture(png(3, 8, 6, [row]), "x")

    np.testing.assert_array_equal(picture, [[[224, 204, 255], [255, 255, 255], [10, 20, 30]]])


def test_blended_values_are_rounded_to_the_nearest():
    # (100 x 50 + 255 x 205) / 255 = 224.6, and (101 x 46 + 255 x 209) / 255 = 227.2
    row = bytes([100, 100, 100, 50, 101, 101, 101, 46])
    np.testing.assert_array_equal(
        decode_picture(png(2, 8, 6, [row]), "x"), [[[225] * 3, [227] * 3]]
    )


def test_alpha_in_other_shapes():
    # half of 0 and half of white is 127.5; 32768 of 65535 is alpha 127.5, rounded to 128
    grey = decode_picture(png(2, 8, 4, [bytes([100, 51, 7, 255])]), "x")
    deep = decode_picture(png(1, 16, 6, [struct.pack(">4H", 0, 257 * 200, 65535, 32768)]), "x")
    webp = decode_picture(encode(".webp", np.array([[[0, 100, 255, 51]] * 4] * 4, np.uint8)), "x")

    np.testing.assert_array_equal(grey, [[[224] * 3, [7] * 3]])
    assert np.abs(deep[0, 0].astype(int) - (127, 227, 255)).max() <= 1
    np.testing.assert_array_equal(webp[0, 0], [255, 224, 204])


@pytest.mark.parametrize(
    ("extra_samples", "stored"),
    [(1, (20, 0, 51, 51)), (2, (100, 0, 255, 51)), (0, (100, 0, 255, 51))],
)
def test_alpha_of_a_tiff_multiplied_or_not(extra_samples, stored):
    pixels = np.array([[stored] * 4] * 4, np.uint8)

    picture = decode_picture(tiff(pixels, extra={338: extra_samples}), "x")

    np.testing.assert_array_equal(picture, np.full((4, 4, 3), (224, 204, 255)))


def test_a_palette_is_looked_up():
    palette = png_chunk(b"PLTE", bytes([200, 10, 30, 0, 255, 128]))

    two = decode_picture(png(3, 1, 3, [bytes([0b01000000])], palette), "x")
    many = decode_picture(png(3, 8, 3, [bytes([0, 1, 0])], palette), "x")

    expected = [[[200, 10, 30], [0, 255, 128], [200, 10, 30]]]
    np.testing.assert_array_equal(two, expected)
    np.testing.assert_array_equal(many, expected)


def test_transparency_of_a_palette_and_of_one_colour():
    palette = png_chunk(b"PLTE", bytes([200, 10, 30, 100, 0, 255]))
    indexed = png(2, 8, 3, [bytes([0, 1])], palette, png_chunk(b"tRNS", bytes([0, 51])))
    keyed = png(
        2, 8, 2, [bytes([1, 2, 3, 4, 5, 6])], png_chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
    )

    np.testing.assert_array_equal(decode_picture(indexed, "x"), [[[255] * 3, [224, 204, 255]]])
    np.testing.assert_array_equal(decode_picture(keyed, "x"), [[[255] * 3, [4, 5, 6]]])


@pytest.mark.parametrize(
    ("depth", "row", "expected"),
    [(1, 0b01000000, [0, 255]), (2, 0b01100000, [85, 170]), (4, 0x1F, [17, 255])],
)
def test_few_bits_span_the_whole_range(depth, row, expected):
    picture = decode_picture(png(2, depth, 0, [bytes([row])]), "x")

    np.testing.assert_array_equal(picture[0, :, 0], expected)


@pytest.mark.parametrize(
    ("inks", "expected"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((55, 155, 205, 0), (200, 100, 50)),
        ((55, 155, 205, 127), (100, 50, 25)),
    ],
)
def test_a_cmyk_jpeg_becomes_rgb(inks, expected):
    picture = decode_picture(cmyk_jpeg(inks), "x")

    assert picture.shape == (8, 8, 3)
    assert np.abs(picture.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, 3), (np.int16, 2), (np.float64, 3)])
def test_values_of_unknown_range_are_refused(dtype, kind):
    data = tiff(np.full((4, 5), 0.5 if kind == 3 else 100, dtype), kind)

    with pytest.raises(PictureError, match=rf"^scan\.tif holds {np.dtype(dtype)} values"):
        decode_picture(data, "scan.tif")


def test_the_pixel_limit_is_checked_before_decoding():
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    # Would fail with another message if it were decoded: it holds one row of 400 million pixels.
    data = png(1, 8, 0, [b"\0"])
    data = data[:8] + png_chunk(b"IHDR", header) + data[33:]

    with pytest.raises(PictureError, match=rf"20000 x 20000 pixels.*limit of {MAX_PIXELS}"):
        decode_picture(data, "x")


@pytest.mark.parametrize("extension", [*LOSSLESS, ".jpg"])
def test_the_pixel_limit_is_inclusive(extension):
    data = encode(extension, noise(5, 6))

    assert decode_picture(data, "x", max_pixels=30).shape == (5, 6, 3)
    with pytest.raises(PictureError, match="6 x 5 pixels, more than the limit of 29"):
        decode_picture(data, "x", max_pixels=29)


def test_a_file_too_long_for_the_limit_is_not_read(tmp_path):
    path = tmp_path / "long.bmp"
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk

    with pytest.raises(PictureError, match="1099511627776 bytes"):
        read_picture(path)


def test_files_that_are_no_pictures(tmp_path):
    text, empty, pipe = tmp_path / "text.png", tmp_path / "empty.jpg", tmp_path / "pipe.png"
    text.write_text("not a picture")
    empty.write_bytes(b"")
    os.mkfifo(pipe)

    for path, message in {
        text: "is not a picture",
        empty: "is empty",
        pipe: "is not a regular file",
        tmp_path: "is a folder",
        tmp_path / "none.png": "does not exist",
        text / "below-a-file.png": "cannot be read",
        tmp_path / "null\0.png": "cannot be read",
        tmp_path / ("long" * 100): "cannot be read",
    }.items():
        for read in (read_picture, read_mask):
            with pytest.raises(PictureError) as caught:
                read(path)
            assert str(caught.value).startswith(f"{path} {message}")
            assert str(caught.value).endswith(".")


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "a.png").write_bytes(encode(".png", noise(2, 3)))
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")

    assert read_picture(tmp_path / "link.png").shape == (2, 3, 3)


def test_what_opencv_cannot_decode_is_one_sentence_and_no_log(capfd):
    fax_of_8_bits = tiff(np.zeros((4, 5), np.uint8), extra={259: 4})

    with pytest.raises(PictureError, match=r"^x cannot be decoded"):
        decode_picture(fax_of_8_bits, "x")

    if "OPENCV_LOG_LEVEL" not in os.environ:
        assert capfd.readouterr().err == ""


def test_an_opencv_exception_becomes_a_picture_error():
    # wider than OpenCV's own limit of 2^20
    row = bytes(2**20 + 1)

    with pytest.raises(PictureError, match=r"^x cannot be decoded"):
        decode_picture(png(2**20 + 1, 8, 0, [row]), "x")


SMOOTH = cv2.GaussianBlur(noise(40, 60), (0, 0), 2)
FILES = {
    "png": encode(".png", SMOOTH),
    "jpeg": encode(".jpg", SMOOTH),
    "progressive": encode(".jpg", SMOOTH, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts": encode(".jpg", SMOOTH, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "bmp": encode(".bmp", SMOOTH),
    "tiff": encode(".tiff", SMOOTH),
    "webp": encode(".webp", SMOOTH),
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.floats(0, 1, exclude_max=True))
def test_a_picture_cut_anywhere_is_refused(kind, share):
    data = FILES[kind]

    with pytest.raises(PictureError):
        decode_picture(data[: int(len(data) * share)], "x")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_changed_bytes_decode_or_raise_a_picture_error(kind, data):
    changed = bytearray(FILES[kind])
    # the front, where the structure lies, as often as the rest
    positions = st.one_of(st.integers(0, 63), st.integers(0, len(changed) - 1))
    for position in data.draw(st.lists(positions, min_size=1, max_size=6)):
        changed[position] = data.draw(st.integers(0, 255))

    try:
        picture = decode_picture(bytes(changed), "x", max_pixels=10_000_000)
    except PictureError:
        pass  # any other exception fails the test
    else:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3


def write(folder: Path, extension: str, array: np.ndarray) -> Path:
    path = folder / f"mask{extension}"
    path.write_bytes(encode(extension, array))
    return path


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tiff"])
def test_a_single_channel_mask_keeps_its_values(tmp_path, extension):
    stored = np.arange(256, dtype=np.uint8).reshape(8, 32)

    mask = read_mask(write(tmp_path, extension, stored))

    np.testing.assert_array_equal(mask, stored)
    assert mask.dtype == np.uint8


def test_no_small_value_of_a_16_bit_mask_is_lost(tmp_path):
    stored = np.array([[0, 1, 5, 255, 256, 65535]], np.uint16)

    mask = read_mask(write(tmp_path, ".png", stored))

    np.testing.assert_array_equal(mask, [[0, 1, 5, 255, 255, 255]])
    assert mask.dtype == np.uint8


def test_a_colour_mask_is_its_largest_channel_without_alpha(tmp_path):
    stored = np.array([[[0, 0, 0, 255], [1, 2, 3, 255], [9, 0, 0, 0]]], np.uint8)

    np.testing.assert_array_equal(read_mask(write(tmp_path, ".png", stored)), [[0, 3, 9]])
    assert read_mask(write(tmp_path, ".png", stored[:, :, :3])).tolist() == [[0, 3, 9]]


def test_a_mask_is_turned_like_its_picture(tmp_path):
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    path = tmp_path / "turned.png"
    path.write_bytes(oriented(".png", stored, 6))

    np.testing.assert_array_equal(read_mask(path), np.rot90(stored, -1))


def test_the_pixel_limit_holds_for_masks(tmp_path):
    path = write(tmp_path, ".png", np.zeros((5, 6), np.uint8))

    with pytest.raises(PictureError, match="limit of 29"):
        read_mask(path, max_pixels=29)


def test_the_extensions_stand_for_every_format_that_is_read():
    files = {extension: encode(extension, noise(4, 5)) for extension in PICTURE_EXTENSIONS}
    assert all(decode_picture(data, name).shape == (4, 5, 3) for name, data in files.items())
    formats = {read_header(data, name).format for name, data in files.items()}
    assert formats == {"png", "jpeg", "bmp", "tiff", "webp"}


def test_real_pictures_are_whole_and_rgb(real_data):
    files = sorted(real_data.rglob("*"))
    pictures = [path for path in files if path.suffix in PICTURE_EXTENSIONS]

    assert pictures
    for path in pictures[::20]:
        stored = np.frombuffer(path.read_bytes(), np.uint8)
        expected = cv2.cvtColor(cv2.imdecode(stored, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(read_picture(path), expected)


def test_a_file_of_several_pictures_says_that_this_is_the_first(tmp_path):
    pages = [np.full((20, 30, 3), level, np.uint8) for level in (40, 200)]
    for name, count in (("one.tif", 1), ("two.tif", 2)):
        _, data = cv2.imencodemulti(".tif", pages[:count])
        (tmp_path / name).write_bytes(data.tobytes())
    assert load_picture(tmp_path / "one.tif").warnings == ()
    two = load_picture(tmp_path / "two.tif")
    assert "first" in " ".join(two.warnings)
    assert (two.pixels == 40).all()


@pytest.mark.parametrize("extension", [".webp", ".png"])
def test_an_animation_says_that_this_is_its_first_picture(tmp_path, extension):
    if not hasattr(cv2, "Animation"):
        pytest.skip("this OpenCV writes no animations")
    animation = cv2.Animation()
    animation.frames = [np.full((20, 30, 4), (*[v] * 3, 255), np.uint8) for v in (40, 200, 90)]
    animation.durations = np.array([50, 50, 50])
    done, data = cv2.imencodeanimation(extension, animation)
    assert done
    (tmp_path / f"a{extension}").write_bytes(np.asarray(data).tobytes())
    loaded = load_picture(tmp_path / f"a{extension}")
    assert any("first" in note for note in loaded.warnings)
    assert abs(int(loaded.pixels[10, 10, 0]) - 40) <= 2


@pytest.mark.parametrize(("alpha", "says"), [(255, False), (254, True)])
def test_transparent_parts_are_spoken_of(tmp_path, alpha, says):
    picture = np.full((20, 30, 4), 255, np.uint8)
    picture[3, 4, 3] = alpha
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    assert any("white" in n for n in load_picture(tmp_path / "a.png").warnings) == says
