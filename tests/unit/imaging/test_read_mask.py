from pathlib import Path

import numpy as np
import pytest
from picture_bytes import encode, oriented

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.read_mask import read_mask


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


def test_a_folder_in_place_of_a_mask_is_named(tmp_path):
    with pytest.raises(PictureError, match=f"^The file '{tmp_path}' is a folder"):
        read_mask(tmp_path)
