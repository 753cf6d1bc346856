import os

import cv2
import numpy as np
import pytest

from capsule_inspect.choices import PICTURE_EXTENSIONS
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.headers import read_header
from capsule_inspect.imaging.picture import (
    CONVERT,
    MAX_PIXELS,
    Refusal,
    describe_limit,
    read_picture_file,
)
from capsule_inspect.imaging.read import decode_picture


def test_the_extensions_stand_for_every_format_that_is_read():
    pixels = np.zeros((4, 5, 3), np.uint8)
    grey = {".pgm": pixels[:, :, 0]}
    files = {
        name: cv2.imencode(name, grey.get(name, pixels))[1].tobytes() for name in PICTURE_EXTENSIONS
    }
    for name, data in files.items():
        assert decode_picture(data, name).pixels.shape == (4, 5, 3)
    formats = {read_header(data, name).format for name, data in files.items()}
    assert formats == {"png", "jpeg", "bmp", "tiff", "webp", "pnm", "avif"}


@pytest.mark.parametrize(
    ("pixels", "megapixels"), [(MAX_PIXELS, "100"), (12_500_000, "12.5"), (3000, "0.003")]
)
def test_a_limit_is_told_in_megapixels_with_the_setting_that_moves_it(pixels, megapixels):
    text = describe_limit(pixels)
    assert text == f"the limit of {megapixels} megapixels (in predict: predict.max_megapixels)"


def test_a_refusal_ends_in_advice():
    assert str(Refusal("is cut")) == "is cut; copy it again, or save it as PNG."
    assert str(Refusal("is odd", CONVERT)) == "is odd; convert it to PNG."


def refusal(path, max_pixels: int = 1_000_000) -> str:
    with pytest.raises(PictureError) as caught:
        read_picture_file(path, max_pixels)
    return str(caught.value)


def test_a_file_is_read_whole(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"any\0bytes")
    assert read_picture_file(path, 1) == b"any\0bytes"


def test_a_file_too_long_for_the_limit_is_not_read(tmp_path):
    path = tmp_path / "long.bmp"
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk

    message = refusal(path)
    assert "has 1099511627776 bytes, more than any picture within the limit of 1 mega" in message


def test_a_limit_leaves_room_for_the_largest_pixels_and_for_metadata(tmp_path):
    path = tmp_path / "a.tif"
    with path.open("wb") as file:
        file.truncate(1000 * 8 + 64 * 2**20)
    assert len(read_picture_file(path, 1000)) == 8000 + 64 * 2**20
    assert "more than any picture" in refusal(path, 999)


def test_what_cannot_be_read_is_quoted_and_followed_by_advice(tmp_path):
    text, pipe = tmp_path / "a text.png", tmp_path / "pipe.png"
    text.write_text("not a picture")
    os.mkfifo(pipe)

    for path, rest in {
        pipe: "is not a regular file but a pipe or a device; save the picture as a file.",
        tmp_path: "is a folder; give the pictures inside it instead.",
        tmp_path / "no ne.png": "does not exist; check the path.",
        text / "below": "cannot be read: Not a directory; check the path and its permissions.",
        tmp_path / "null\0.png": "check the path and its permissions.",
        tmp_path / ("long" * 100): "cannot be read: File name too long; check the path",
    }.items():
        message = refusal(path)
        assert message.startswith(f"The file '{path}' ")
        assert rest in message
