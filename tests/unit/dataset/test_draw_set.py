from pathlib import Path

import numpy as np

from capsule_inspect.dataset.checked_picture import hash_pixels
from capsule_inspect.dataset.draw_set import draw_set
from capsule_inspect.dataset.drawing.draw_capsule import draw_capsule
from capsule_inspect.dataset.drawing.draw_labels import draw_labels
from capsule_inspect.imaging.read_mask import read_mask
from capsule_inspect.imaging.read_picture import read_picture
from capsule_inspect.settings.data_settings import DataSettings

SETTINGS = DataSettings(count=5, seed=4, size=200)


def test_files_hold_what_the_seed_draws_and_only_defects_have_masks(tmp_path: Path) -> None:
    drawn = draw_set(tmp_path, SETTINGS)
    assert [picture.path for picture in drawn] == [f"pictures/{i:04}.png" for i in range(5)]
    assert tuple(picture.label for picture in drawn) == draw_labels(5, 4)
    for i, each in enumerate(drawn):
        expected = draw_capsule(each.label, (4, i), 200)
        picture = read_picture(tmp_path / each.path)
        np.testing.assert_array_equal(picture, expected.picture)
        assert each.sha256 == hash_pixels(picture)
        assert (each.width, each.height) == (200, 200)
        assert each.mask == ("" if each.label == "good" else f"masks/{i:04}.png")
        if each.mask:
            np.testing.assert_array_equal(read_mask(tmp_path / each.mask), expected.mask)
    assert len(list((tmp_path / "masks").iterdir())) == 2


def test_progress_is_told_after_every_picture(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    draw_set(tmp_path, SETTINGS, lambda done, total: told.append((done, total)))
    assert told == [(i, 5) for i in range(1, 6)]
