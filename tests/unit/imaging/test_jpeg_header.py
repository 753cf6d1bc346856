import cv2
import pytest
from picture_bytes import encode, noise
from picture_parts import exif, with_app1
from whole_files import HEIGHT, WIDTH, encoded

from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.jpeg_header import read_jpeg_header
from capsule_inspect.imaging.refusal import Refusal


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
