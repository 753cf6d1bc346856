from pathlib import Path

import cv2
import numpy as np
import pytest

from capsule_inspect.evaluation import figures as palette
from capsule_inspect.evaluation.evaluate import Evaluation, summarize
from capsule_inspect.evaluation.figures import draw_figures
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement

CLASSES = ("good", "crack", "faulty_imprint")


def evaluation(*pictures: tuple[str, str, float], classes=CLASSES) -> Evaluation:
    judgements = tuple(
        Judgement("a.png", "aa", truth, label, score, (), None) for truth, label, score in pictures
    )
    return summarize("test", classes, judgements)


def read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture.astype(int) - colour).max(axis=2) < 12


MIXED = (
    ("good", "good", 0.1),
    ("good", "crack", 0.6),
    ("crack", "crack", 0.9),
    ("crack", "faulty_imprint", 0.7),
    ("faulty_imprint", "good", 0.2),
    ("faulty_imprint", NO_CAPSULE, 1.0),
)


def test_figures_are_pictures_of_a_decent_size(tmp_path):
    paths = draw_figures(tmp_path, evaluation(*MIXED))
    names = ["confusion_matrix.png", "roc.png", "precision_recall.png"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    for path in paths:
        picture = read(path)
        assert 500 <= picture.shape[0] <= 900
        assert picture.shape[1] == 800
        # There is ink, and it is not all over.
        assert 0.5 < (picture > 240).all(axis=2).mean() < 0.99


@pytest.mark.parametrize("truth", ["good", "crack"])
def test_curves_need_good_and_defective_pictures(tmp_path, truth):
    paths = draw_figures(tmp_path, evaluation((truth, "good", 0.2), (truth, "crack", 0.8)))
    assert [path.name for path in paths] == ["confusion_matrix.png"]


def test_the_operating_point_lies_where_it_was_decided(tmp_path):
    # Half of two good pictures called defective, three of four defective ones found.
    draw_figures(tmp_path, evaluation(*MIXED))
    picture = read(tmp_path / "roc.png")
    # The curve, which runs from corner to corner, tells where 0 and 1 are.
    rows, columns = np.nonzero(near(picture, (0x00, 0x72, 0xB2)))
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    marks = near(picture, (0xD5, 0x5E, 0x00))
    marks[round(bottom - 0.15 * (bottom - top)) :, :] = False  # the legend, bottom right
    y, x = (each.mean() for each in np.nonzero(marks))
    assert (x - left) / (right - left) == pytest.approx(0.5, abs=0.01)
    assert (bottom - y) / (bottom - top) == pytest.approx(0.75, abs=0.01)


def test_a_model_that_calls_nothing_defective_has_no_precision_to_mark(tmp_path):
    draw_figures(tmp_path, evaluation(("good", "good", 0.1), ("crack", "good", 0.3)))
    # One mark is left of two: that of the legend went with the point.
    for name, marked in (("roc.png", True), ("precision_recall.png", False)):
        assert near(read(tmp_path / name), (0xD5, 0x5E, 0x00)).any() == marked


def test_names_of_classes_are_no_formulas(tmp_path):
    # Taken for TeX, the first could not be drawn.
    strange = evaluation(("good", "a_b^c", 0.9), classes=("good", r"$\frac$", "a_b^c"))
    (drawn,) = draw_figures(tmp_path, strange)
    assert near(read(drawn), (0x08, 0x30, 0x6B)).any()  # of the one cell that holds all of its row


@pytest.mark.parametrize(
    ("name", "red", "green", "blue"),
    [("BLUE", 0, 114, 178), ("VERMILLION", 213, 94, 0), ("REDDISH_PURPLE", 204, 121, 167)],
)
def test_colours_are_those_of_okabe_and_ito(name, red, green, blue):
    assert bytes.fromhex(getattr(palette, name).removeprefix("#")) == bytes((red, green, blue))
