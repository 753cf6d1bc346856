import hashlib
from pathlib import Path

import numpy as np

from capsule_inspect.dataset.checked_picture import hash_pixels
from capsule_inspect.imaging.read_picture import read_picture

PICTURE = np.random.default_rng(0).integers(0, 256, (2, 3, 3), np.uint8)


def test_the_hash_covers_size_and_rgb_values() -> None:
    expected = hashlib.sha256(b"rgb uint8 2 3\n" + PICTURE.tobytes()).hexdigest()
    assert hash_pixels(PICTURE) == expected
    assert hash_pixels(PICTURE.reshape(3, 2, 3)) != expected


def test_the_hash_is_of_pixels_not_of_files(tmp_path: Path, save_picture) -> None:
    files = [save_picture(tmp_path / f"a.{ending}", PICTURE) for ending in ("png", "bmp")]
    assert [hash_pixels(read_picture(file)) for file in files] == [hash_pixels(PICTURE)] * 2


def test_a_view_hashes_as_its_copy() -> None:
    mirrored = PICTURE[:, ::-1]
    assert hash_pixels(mirrored) == hash_pixels(mirrored.copy()) != hash_pixels(PICTURE)
