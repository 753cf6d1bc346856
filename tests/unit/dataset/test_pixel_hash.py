import hashlib
from pathlib import Path

import numpy as np

from capsule_inspect.dataset.pixel_hash import hash_mask, hash_picture
from capsule_inspect.imaging.read import read_picture

PICTURE = np.random.default_rng(0).integers(0, 256, (2, 3, 3), np.uint8)


def test_the_hash_covers_size_and_rgb_values() -> None:
    expected = hashlib.sha256(b"rgb uint8 2 3\n" + PICTURE.tobytes()).hexdigest()
    assert hash_picture(PICTURE) == expected
    assert hash_picture(PICTURE.reshape(3, 2, 3)) != expected


def test_the_hash_is_of_pixels_not_of_files(tmp_path: Path, save_picture) -> None:
    files = [save_picture(tmp_path / f"a.{ending}", PICTURE) for ending in ("png", "bmp")]
    assert [hash_picture(read_picture(file)) for file in files] == [hash_picture(PICTURE)] * 2


def test_a_view_hashes_as_its_copy() -> None:
    mirrored = PICTURE[:, ::-1]
    assert hash_picture(mirrored) == hash_picture(mirrored.copy()) != hash_picture(PICTURE)


def test_the_hash_of_a_mask_covers_size_and_values() -> None:
    mask = np.array([[0, 1, 255]], np.uint8)
    assert hash_mask(mask) == hashlib.sha256(b"mask uint8 1 3\n\x00\x01\xff").hexdigest()
    assert len({hash_mask(each) for each in (mask, mask.T, mask // 255)}) == 3
