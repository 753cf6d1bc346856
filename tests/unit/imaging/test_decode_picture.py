import struct

import cv2
import numpy as np
import pytest
from picture_bytes import cmyk_jpeg, encode, noise, oriented, png, tiff
from picture_parts import png_chunk

from capsule_inspect.imaging.decode_picture import decode_picture


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
    ("extra_samples", "stored"),
    [(1, (20, 0, 51, 51)), (2, (100, 0, 255, 51)), (0, (100, 0, 255, 51))],
)
def test_alpha_of_a_tiff_multiplied_or_not(extra_samples, stored):
    pixels = np.array([[stored] * 4] * 4, np.uint8)

    picture = decode(tiff(pixels, extra={338: extra_samples}))

    np.testing.assert_array_equal(picture, np.full((4, 4, 3), (224, 204, 255)))


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
