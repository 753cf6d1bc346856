import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_bytes import UPRIGHT, cmyk_jpeg, encode, noise, oriented, png, tiff
from picture_parts import png_chunk

from capsule_inspect.choices import PICTURE_EXTENSIONS
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.read import decode_picture, decode_upright, read_mask, read_picture

LOSSLESS = [".png", ".bmp", ".tiff", ".webp"]


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


def test_the_extension_does_not_matter(tmp_path):
    bgr = noise(4, 5)
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encode(".png", bgr))

    np.testing.assert_array_equal(read_picture(path), bgr[:, :, ::-1])


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "a.png").write_bytes(encode(".png", noise(2, 3)))
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")

    assert read_picture(tmp_path / "link.png").shape == (2, 3, 3)


def test_real_pictures_are_whole_and_rgb(real_data):
    files = sorted(real_data.rglob("*"))
    pictures = [path for path in files if path.suffix in PICTURE_EXTENSIONS]

    assert pictures
    for path in pictures[::20]:
        stored = np.frombuffer(path.read_bytes(), np.uint8)
        expected = cv2.cvtColor(cv2.imdecode(stored, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(read_picture(path), expected)


@pytest.mark.parametrize(
    ("content", "rest"),
    [(b"not a picture", "is not a picture"), (b"", "is empty"), (None, "does not exist")],
)
def test_a_file_that_is_no_picture_is_quoted(tmp_path, content, rest):
    path = tmp_path / "a b.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureError, match=f"^The file '{path}' {rest}"):
        read_picture(path)


def test_the_limit_is_the_callers(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(".png", noise(50, 60)))
    assert read_picture(path, max_pixels=3000).shape == (50, 60, 3)
    with pytest.raises(
        PictureError, match=r"60 x 50 pixels, more than the limit of 0\.002999 mega"
    ):
        read_picture(path, max_pixels=2999)


def decode(data: bytes) -> np.ndarray:
    return decode_picture(data, "x").pixels


def test_a_jpeg_comes_back_as_rgb():
    bgr = np.full((16, 24, 3), (10, 120, 240), np.uint8)

    picture = decode(encode(".jpg", bgr))

    assert np.abs(picture.astype(int) - (240, 120, 10)).max() <= 3


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bits_are_scaled_by_value(extension):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    picture = decode(encode(extension, ramp))

    # floor(x / 257 + 1/2) in whole numbers
    expected = (2 * np.arange(65536) + 257) // 514
    np.testing.assert_array_equal(picture[:, :, 1].ravel(), expected)
    assert len(np.unique(picture)) == 256


def test_16_bit_colours():
    bgr = noise(5, 6, dtype=np.uint16)

    picture = decode(encode(".png", bgr))

    np.testing.assert_array_equal(picture, (2 * bgr[:, :, ::-1].astype(int) + 257) // 514)


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tiff", ".jpg"])
def test_grey_becomes_rgb(extension):
    grey = np.full((16, 24), 77, np.uint8)

    picture = decode(encode(extension, grey))

    np.testing.assert_array_equal(picture, np.full((16, 24, 3), 77))


def test_alpha_is_blended_with_white():
    # 100 at alpha 51 of 255: a fifth of 100 and four fifths of 255 are 224
    row = bytes([100, 0, 255, 51, 9, 9, 9, 0, 10, 20, 30, 255])

    picture = decode(png(3, 8, 6, [row]))

    np.testing.assert_array_equal(picture, [[[224, 204, 255], [255, 255, 255], [10, 20, 30]]])


def test_blended_values_are_rounded_to_the_nearest():
    # (100 x 50 + 255 x 205) / 255 = 224.6, and (101 x 46 + 255 x 209) / 255 = 227.2
    row = bytes([100, 100, 100, 50, 101, 101, 101, 46])
    np.testing.assert_array_equal(decode(png(2, 8, 6, [row])), [[[225] * 3, [227] * 3]])


def test_alpha_in_other_shapes():
    # half of 0 and half of white is 127.5; 32768 of 65535 is alpha 127.5, rounded to 128
    grey = decode(png(2, 8, 4, [bytes([100, 51, 7, 255])]))
    deep = decode(png(1, 16, 6, [struct.pack(">4H", 0, 257 * 200, 65535, 32768)]))
    webp = decode(encode(".webp", np.array([[[0, 100, 255, 51]] * 4] * 4, np.uint8)))

    np.testing.assert_array_equal(grey, [[[224] * 3, [7] * 3]])
    assert np.abs(deep[0, 0].astype(int) - (127, 227, 255)).max() <= 1
    np.testing.assert_array_equal(webp[0, 0], [255, 224, 204])


@pytest.mark.parametrize(
    ("extra_samples", "stored", "shown"),
    [
        (1, (20, 0, 51, 51), (224, 204, 255)),
        (2, (100, 0, 255, 51), (224, 204, 255)),
        (0, (100, 0, 255, 51), (100, 0, 255)),  # not said to be alpha: infrared, depth
    ],
)
def test_alpha_of_a_tiff_multiplied_or_not(extra_samples, stored, shown):
    pixels = np.array([[stored] * 4] * 4, np.uint8)

    picture = decode(tiff(pixels, extra={338: extra_samples}))

    np.testing.assert_array_equal(picture, np.full((4, 4, 3), shown))


def test_white_may_be_zero_whatever_the_bits():
    for dtype, most in ((np.uint8, 255), (np.uint16, 65535)):
        pixels = np.array([[0, 100, most]] * 4, dtype)
        plain = decode(tiff(pixels))
        inverted = decode(tiff((most - pixels).astype(dtype), extra={262: 0}))
        np.testing.assert_array_equal(plain, inverted)


def test_planes_apart_of_16_bits_are_refused_by_name():
    pixels = np.zeros((4, 5, 3), np.uint16)
    with pytest.raises(PictureError, match="is a TIFF of 16 bits with planes apart"):
        decode(tiff(pixels, extra={284: 2}))
    with pytest.raises(PictureError, match="is a TIFF of 16 bits of CIELab"):
        decode(tiff(pixels, extra={262: 8}))


def test_a_palette_is_looked_up():
    palette = png_chunk(b"PLTE", bytes([200, 10, 30, 0, 255, 128]))

    two = decode(png(3, 1, 3, [bytes([0b01000000])], palette))
    many = decode(png(3, 8, 3, [bytes([0, 1, 0])], palette))

    expected = [[[200, 10, 30], [0, 255, 128], [200, 10, 30]]]
    np.testing.assert_array_equal(two, expected)
    np.testing.assert_array_equal(many, expected)


def test_transparency_of_a_palette_and_of_one_colour():
    palette = png_chunk(b"PLTE", bytes([200, 10, 30, 100, 0, 255]))
    indexed = png(2, 8, 3, [bytes([0, 1])], palette, png_chunk(b"tRNS", bytes([0, 51])))
    keyed = png(
        2, 8, 2, [bytes([1, 2, 3, 4, 5, 6])], png_chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
    )

    np.testing.assert_array_equal(decode(indexed), [[[255] * 3, [224, 204, 255]]])
    np.testing.assert_array_equal(decode(keyed), [[[255] * 3, [4, 5, 6]]])


@pytest.mark.parametrize(
    ("depth", "row", "expected"),
    [(1, 0b01000000, [0, 255]), (2, 0b01100000, [85, 170]), (4, 0x1F, [17, 255])],
)
def test_few_bits_span_the_whole_range(depth, row, expected):
    picture = decode(png(2, depth, 0, [bytes([row])]))

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
    picture = decode(cmyk_jpeg(inks))

    assert picture.shape == (8, 8, 3)
    assert np.abs(picture.astype(int) - expected).max() <= 2


def test_a_file_of_several_pictures_says_that_this_is_the_first():
    pages = [np.full((20, 30, 3), level, np.uint8) for level in (40, 200)]
    one, two = (
        decode_picture(cv2.imencodemulti(".tif", pages[:count])[1].tobytes(), "x")
        for count in (1, 2)
    )
    assert one.warnings == ()
    assert "first" in " ".join(two.warnings)
    assert (two.pixels == 40).all()


@pytest.mark.parametrize("extension", [".webp", ".png"])
def test_an_animation_says_that_this_is_its_first_picture(extension):
    if not hasattr(cv2, "Animation"):
        pytest.skip("this OpenCV writes no animations")
    animation = cv2.Animation()
    animation.frames = [np.full((20, 30, 4), (*[v] * 3, 255), np.uint8) for v in (40, 200, 90)]
    animation.durations = np.array([50, 50, 50])
    done, data = cv2.imencodeanimation(extension, animation)
    assert done
    loaded = decode_picture(np.asarray(data).tobytes(), "x")
    assert any("first" in note for note in loaded.warnings)
    assert abs(int(loaded.pixels[10, 10, 0]) - 40) <= 2


@pytest.mark.parametrize(("alpha", "says"), [(255, False), (254, True)])
def test_transparent_parts_are_spoken_of(alpha, says):
    picture = np.full((20, 30, 4), 255, np.uint8)
    picture[3, 4, 3] = alpha
    loaded = decode_picture(encode(".png", picture), "x")
    assert any("white" in note for note in loaded.warnings) == says


@pytest.mark.parametrize("orientation", [1, 2, 3, 5, 6, 7])
def test_the_pixels_are_the_callers_own(orientation):
    stored = np.full((16, 24, 3), 90, np.uint8)
    pixels = decode(oriented(".png", stored, orientation))
    assert pixels.flags.owndata
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


def upright(data: bytes, name: str = "x", max_pixels: int = 10_000_000) -> np.ndarray:
    return decode_upright(data, name, max_pixels)[1]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".tiff"])
def test_the_exif_orientation_is_applied_once(extension, orientation):
    small = np.array([[250, 160, 90], [10, 60, 200]], np.uint8)
    stored = np.dstack([np.kron(small, np.ones((16, 16), np.uint8))] * 3)

    picture = upright(oriented(extension, stored, orientation))

    expected = UPRIGHT[orientation](stored)
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).max() <= (3 if extension == ".jpg" else 0)


@pytest.mark.parametrize(
    ("orientation", "first_pixel_at"),
    # Exif 3.0: where row 0 and column 0 of the stored picture are seen.
    list(enumerate(["top left", "top right", "bottom right", "bottom left"] * 2, start=1)),
)
def test_the_corner_of_the_first_pixel(orientation, first_pixel_at):
    stored = np.full((4, 6, 3), 255, np.uint8)
    stored[0, 0] = 0

    picture = upright(oriented(".png", stored, orientation))

    row, column = np.argwhere(picture[:, :, 0] == 0)[0]
    assert f"{'bottom' if row else 'top'} {'right' if column else 'left'}" == first_pixel_at
    assert picture.shape == ((6, 4, 3) if orientation >= 5 else (4, 6, 3))


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, 3), (np.int16, 2), (np.float64, 3)])
def test_values_of_unknown_range_are_refused(dtype, kind):
    data = tiff(np.full((4, 5), 0.5 if kind == 3 else 100, dtype), kind)

    with pytest.raises(PictureError, match=rf"^scan\.tif holds {np.dtype(dtype)} values"):
        upright(data, "scan.tif")


def test_the_pixel_limit_is_checked_before_decoding():
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    # Would fail with another message if it were decoded: it holds one row of 400 million pixels.
    data = png(1, 8, 0, [b"\0"])
    data = data[:8] + png_chunk(b"IHDR", header) + data[33:]

    with pytest.raises(PictureError, match=r"20000 x 20000 pixels.*limit of 10 megapixels"):
        upright(data)


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tiff", ".webp", ".jpg"])
def test_the_pixel_limit_is_inclusive(extension):
    data = encode(extension, noise(5, 6))

    assert upright(data, max_pixels=30).shape == (5, 6, 3)
    with pytest.raises(PictureError, match=r"6 x 5 pixels, more than the limit of 2\.9e-05"):
        upright(data, max_pixels=29)


def test_what_opencv_cannot_decode_is_one_sentence_and_no_log(capfd):
    fax_of_8_bits = tiff(np.zeros((4, 5), np.uint8), extra={259: 4})

    with pytest.raises(PictureError, match=r"^x cannot be decoded"):
        upright(fax_of_8_bits)

    if "OPENCV_LOG_LEVEL" not in os.environ:
        assert capfd.readouterr().err == ""


def test_an_opencv_exception_becomes_a_picture_error():
    # wider than OpenCV's own limit of 2^20
    row = bytes(2**20 + 1)

    with pytest.raises(PictureError, match=r"^x cannot be decoded"):
        upright(png(2**20 + 1, 8, 0, [row]))


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
        upright(data[: int(len(data) * share)])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_changed_bytes_decode_or_raise_a_picture_error(kind, data):
    changed = bytearray(FILES[kind])
    # the front, where the structure lies, as often as the rest
    positions = st.one_of(st.integers(0, 63), st.integers(0, len(changed) - 1))
    for position in data.draw(st.lists(positions, min_size=1, max_size=6)):
        changed[position] = data.draw(st.integers(0, 255))

    try:
        picture = upright(bytes(changed), max_pixels=10_000_000)
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


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ([0, 1, 5, 255], [0, 1, 5, 255]),
        ([0, 1, 5, 300, 4095], [0, 1, 5, 31, 31]),  # numbers of objects
        ([0, 257, 32768, 65535], [0, 1, 127, 255]),  # grey levels
        ([0, 5000, 10000], [0, 127, 255]),
    ],
)
def test_values_of_a_16_bit_mask_are_grey_levels_or_numbers(tmp_path, stored, read):
    mask = read_mask(write(tmp_path, ".png", np.array([stored], np.uint16)))

    np.testing.assert_array_equal(mask, [read])
    assert mask.dtype == np.uint8


@pytest.mark.parametrize(
    ("stored", "note", "read"),
    [([65535, 0, 32767], {}, [0, 255, 127]), ([4095, 0, 4090], {281: 4095}, [0, 31, 5])],
)
def test_a_16_bit_mask_may_have_white_as_zero(tmp_path, stored, note, read):
    path = tmp_path / "mask.tif"
    path.write_bytes(tiff(np.array([stored], np.uint16), extra={262: 0, **note}))

    np.testing.assert_array_equal(read_mask(path), [read])


def test_a_colour_mask_is_its_largest_channel_without_alpha(tmp_path):
    stored = np.array([[[0, 0, 0, 255], [1, 2, 3, 255], [9, 0, 0, 0]]], np.uint8)

    np.testing.assert_array_equal(read_mask(write(tmp_path, ".png", stored)), [[0, 3, 9]])
    assert read_mask(write(tmp_path, ".png", stored[:, :, :3])).tolist() == [[0, 3, 9]]


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (0, 0, 255)])
@pytest.mark.parametrize(("alpha", "read"), [([0, 128, 255], [0, 128, 255]), ([255] * 3, None)])
def test_a_mask_of_one_colour_is_its_alpha_if_that_varies(tmp_path, colour, alpha, read):
    stored = np.array([[(*colour, each) for each in alpha]], np.uint8)
    expected = [read or [max(colour)] * 3]
    np.testing.assert_array_equal(read_mask(write(tmp_path, ".png", stored)), expected)


def test_a_mask_is_turned_like_its_picture(tmp_path):
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    path = tmp_path / "turned.png"
    path.write_bytes(oriented(".png", stored, 6))

    np.testing.assert_array_equal(read_mask(path), np.rot90(stored, -1))


def test_a_folder_in_place_of_a_mask_is_named(tmp_path):
    with pytest.raises(PictureError, match=f"^The file '{tmp_path}' is a folder"):
        read_mask(tmp_path)


def test_an_animated_png_shows_its_default_picture():
    still = np.full((4, 5, 3), (10, 20, 30), np.uint8)
    data = encode(".png", still[..., ::-1])
    control = png_chunk(b"acTL", bytes([0, 0, 0, 2, 0, 0, 0, 0]))
    frame = png_chunk(b"fcTL", bytes(4) + bytes([0, 0, 0, 5, 0, 0, 0, 4]) + bytes(14))
    other = zlib.compress((b"\0" + bytes([200] * 15)) * 4)
    frame += png_chunk(b"fdAT", bytes([0, 0, 0, 1]) + other)
    animated = data[:33] + control + data[33:-12] + frame + data[-12:]
    loaded = decode_picture(animated, "x")
    np.testing.assert_array_equal(loaded.pixels, still)
    assert loaded.warnings == ("The file holds several pictures; this is the first.",)


@pytest.mark.parametrize(("most", "bits"), [(1023, 10), (4095, 12), (4096, 0), (65535, 0), (0, 0)])
def test_a_picture_of_few_bits_is_told(most, bits):
    pixels = np.zeros((4, 5, 3), np.uint16)
    pixels[1, 2] = most
    warnings = decode_picture(encode(".png", pixels), "x").warnings
    assert [f"only {bits} of 16 bits" in each for each in warnings] == [True] * (bits > 0)
