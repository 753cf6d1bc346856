import cv2
import numpy as np
import pytest
from picture_bytes import encode, noise

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import PICTURE_EXTENSIONS
from capsule_inspect.imaging.read_picture import read_picture

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
