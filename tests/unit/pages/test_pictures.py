import base64

import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.imaging.find_capsules import find_capsules
from capsule_inspect.imaging.read import decode_picture, read_picture
from capsule_inspect.inference.inspector import load
from capsule_inspect.pages.pictures import colour_map, illustrate, make_thumbnail, show_truth


def decoded(address: str) -> np.ndarray:
    return decode_picture(base64.b64decode(address.split(",")[1]), "picture").pixels


def reddish(picture: np.ndarray) -> int:
    """Pixels of about the colour that defects are drawn in."""
    return int(cv2.inRange(picture, (170, 30, 0), (235, 110, 60)).sum() // 255)


def test_truth_and_decision_are_cut_alike(dataset_folder, tiny_capsule_model):
    data = read_dataset(dataset_folder)
    inspector = load(tiny_capsule_model)
    sample = next(each for each in data.samples if each.label == "crack")
    true, decided = illustrate(data, sample, inspector)
    assert true.caption == "true"
    assert decided.caption.startswith("decided, score ")
    assert decoded(true.data).shape == decoded(decided.data).shape
    (box,) = find_capsules(read_picture(data.root / sample.path))
    height, width = decoded(true.data).shape[:2]
    assert box.length < width
    # An eighth of its length above and below is room for captions.
    assert height == pytest.approx(box.width + box.length / 4, rel=0.05)


def test_a_picture_without_a_capsule_is_shown_whole(tmp_path, save_picture, tiny_capsule_model):
    blank = np.full((90, 160, 3), 200, np.uint8)
    save_picture(tmp_path / "blank.png", blank)
    sample = Sample("blank.png", "good", "", "test", None, "", 160, 90)
    data = DataSet(tmp_path, ("good", "crack", "scratch"), (sample,), 0, "", "", "")
    true, decided = illustrate(data, sample, load(tiny_capsule_model))
    assert decided.caption == "no capsule found"
    assert decoded(true.data).shape == decoded(decided.data).shape == blank.shape
    assert decoded(show_truth(data, sample).data).shape == blank.shape


def test_a_defect_is_drawn_in_red(dataset_folder):
    data = read_dataset(dataset_folder)
    good, squeezed = (
        next(each for each in data.samples if each.label == label) for label in ("good", "squeeze")
    )
    assert reddish(decoded(show_truth(data, squeezed).data)) > 20 + reddish(
        decoded(show_truth(data, good).data)
    )


def thumbnail(address: str) -> np.ndarray:
    assert address.startswith("data:image/jpeg;base64,")
    return decode_picture(base64.b64decode(address.split(",")[1]), "thumbnail").pixels


@pytest.mark.parametrize(
    ("shape", "expected"), [((1000, 500), (400, 200)), ((80, 60), (80, 60)), ((1, 3000), (1, 400))]
)
def test_pictures_shrink_to_the_longest_side(shape, expected):
    picture = np.full((*shape, 3), (200, 30, 60), np.uint8)
    small = thumbnail(make_thumbnail(picture))
    assert small.shape[:2] == expected
    assert np.abs(small.astype(int).mean(axis=(0, 1)) - (200, 30, 60)).max() < 6


def test_a_map_is_dark_for_nothing_and_brightest_at_its_top():
    coloured = colour_map(np.array([[0, 0.1, 0.2]], np.float32))
    brightness = cv2.cvtColor(coloured, cv2.COLOR_RGB2GRAY)[0]
    assert brightness[0] < brightness[1] < brightness[2]
    assert colour_map(np.zeros((2, 2), np.float32)).std(axis=(0, 1)).max() == 0
