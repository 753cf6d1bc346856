import base64

import cv2
import numpy as np

from capsule_inspect.dataset.manifest import read_dataset
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.inference.load_model_file import load_model_file
from capsule_inspect.pages.illustrate import illustrate, show_truth


def decoded(address: str) -> np.ndarray:
    return decode_picture(base64.b64decode(address.split(",")[1]), "picture")


def reddish(picture: np.ndarray) -> int:
    """Pixels of about the colour that defects are drawn in."""
    return int(cv2.inRange(picture, (170, 30, 0), (235, 110, 60)).sum() // 255)


def test_truth_and_decision_are_cut_alike(dataset_folder, tiny_capsule_model):
    data = read_dataset(dataset_folder)
    inspector = load_model_file(tiny_capsule_model).inspector
    sample = next(each for each in data.samples if each.label == "crack")
    true, decided = illustrate(data, sample, inspector)
    assert true.caption == "true"
    assert decided.caption.startswith("decided, score ")
    assert decoded(true.data).shape == decoded(decided.data).shape
    assert decoded(true.data).shape[0] < sample.height


def test_a_defect_is_drawn_in_red(dataset_folder):
    data = read_dataset(dataset_folder)
    good, crack = (
        next(each for each in data.samples if each.label == label) for label in ("good", "squeeze")
    )
    assert reddish(decoded(show_truth(data, crack).data)) > 20 + reddish(
        decoded(show_truth(data, good).data)
    )
