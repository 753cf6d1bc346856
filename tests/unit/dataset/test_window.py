from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.window import median_aspect, reshape, settle_window
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.groups import Settings

SQUARE = Roi("whole", 256, 256, 428)


def pictures(*sizes, split="train"):
    return [
        Sample(f"{split}{i}.png", "good", "", split, None, f"{split}{i}", *size)
        for i, size in enumerate(sizes)
    ]


def data(samples):
    return DataSet(Path(), ("good", "crack"), tuple(samples), 0, "tests", "none", "1")


def sides(settings):
    return settings.model.roi.width, settings.model.roi.height


@pytest.mark.parametrize(
    ("roi", "aspect", "wanted"),
    [
        (SQUARE, 1, (256, 256)),
        (SQUARE, 114 / 286, (160, 416)),  # 161.6 x 405.5
        (SQUARE, 286 / 114, (416, 160)),
        (SQUARE, 4 / 3, (288, 224)),  # 295.6 x 221.7
        (SQUARE, 100, (736, 96)),  # as 8: 724.1 x 90.5
        (SQUARE, 1 / 100, (96, 736)),
        (Roi("whole", 512, 128, 428), 1, (256, 256)),
        (Roi("whole", 160, 160, 428), 1, (160, 160)),
        (Roi("whole", 32, 32, 428), 8, (96, 32)),  # 90.5 x 11.3
    ],
)
def test_a_window_keeps_its_area_and_takes_the_shape(roi, aspect, wanted):
    assert reshape(roi, aspect) == replace(roi, width=wanted[0], height=wanted[1])


def test_the_shape_is_the_median_of_the_pictures_and_not_of_their_sizes():
    samples = pictures((1000, 1000), (100, 100), (20, 10), (300, 100), (100, 400))
    assert median_aspect(samples) == pytest.approx(1)
    assert median_aspect(samples[:4]) == pytest.approx(2**0.5)  # between 1 and 2


def test_as_many_upright_as_lying_pictures_give_a_square():
    assert median_aspect(pictures((300, 100), (100, 300))) == pytest.approx(1)


def test_one_run_takes_the_shape_of_the_pictures_it_trains_on():
    samples = [*pictures((114, 286)), *pictures((1, 1), (1, 1), split="test")]
    settled = settle_window(compose(["experiment=whole_picture"]), data(samples))
    assert sides(settled) == (160, 416)
    assert settled.model.roi_shape == "fixed"


def test_the_runs_of_a_cross_validation_share_the_shape_of_all_pictures():
    samples = [*pictures((114, 286)), *pictures((1, 1), (1, 1), split="test")]
    asked = compose(["experiment=whole_picture", "train.folds=2"])
    assert sides(settle_window(asked, data(samples))) == (256, 256)


def test_a_settled_window_stays_as_it_is():
    settled = settle_window(compose(["experiment=whole_picture"]), data(pictures((114, 286))))
    assert settle_window(settled, data(pictures((286, 114)))) is settled
    assert settle_window(Settings(), data(pictures((286, 114)))) == Settings()


def test_a_set_without_training_pictures_is_left_to_who_trains():
    settings = compose(["experiment=whole_picture"])
    assert sides(settle_window(settings, data(pictures((286, 114), split="test")))) == (416, 160)
