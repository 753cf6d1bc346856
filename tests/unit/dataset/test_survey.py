from dataclasses import replace

import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.survey import choose_roi, survey
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.roi import Roi


def test_capsules_are_measured_and_masks_laid_over_each_other(dataset_folder):
    data = read_dataset(dataset_folder)
    seen: list[None] = []
    surveyed = survey(data, CAPSULE_ROI, lambda: seen.append(None))
    assert len(seen) == len(surveyed.pictures) == 32
    assert surveyed.without_capsule == ()
    for each in surveyed.pictures:
        (look,), (width,) = each.looks, each.widths
        assert 0.5 * each.sample.width < look.length < each.sample.width
        assert 0.2 * look.length < width < 0.6 * look.length
    assert list(surveyed.heat) == ["crack", "faulty_imprint", "poke", "scratch", "squeeze"]
    for share in surveyed.heat.values():
        assert share.shape == (192, 480)
        assert 0 < share.max() <= 1
        assert share[0].max() == 0


def data_of(root, masks: list[np.ndarray | None], save_picture) -> DataSet:
    samples = []
    for place, mask in enumerate(masks):
        save_picture(root / f"{place}.png", np.full((40, 40, 3), 10 * place, np.uint8))
        if mask is not None:
            save_picture(root / f"{place}_mask.png", mask)
        samples.append(
            Sample(
                path=f"{place}.png",
                label="good" if mask is None else "dent",
                mask="" if mask is None else f"{place}_mask.png",
                split="train",
                fold=None,
                sha256=str(place),
                width=40,
                height=40,
            )
        )
    return DataSet(root, ("good", "dent"), tuple(samples), 0, "", "", "")


def test_the_heat_is_the_share_of_the_classs_pictures(tmp_path, save_picture):
    left, top = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    left[:, :20], top[:20] = 255, 255
    data = data_of(tmp_path, [None, left, top], save_picture)
    heat = survey(data, Roi("whole", 20, 20, 20)).heat
    assert list(heat) == ["dent"]
    corners = heat["dent"][[1, 1, 18, 18], [1, 18, 1, 18]]
    assert corners == pytest.approx([1, 0.5, 0.5, 0])


def test_pictures_without_a_capsule_are_named_and_seen_whole(tmp_path, save_picture):
    data = data_of(tmp_path, [None, None], save_picture)
    assert survey(data, CAPSULE_ROI).without_capsule == ("0.png", "1.png")
    assert choose_roi(data).mode == "whole"


def test_capsules_are_seen_as_capsules(dataset_folder):
    assert choose_roi(read_dataset(dataset_folder)) == CAPSULE_ROI


@pytest.mark.parametrize(("capsules", "mode"), [(2, "capsule"), (1, "whole")])
def test_half_of_the_pictures_decide_what_to_look_at(tmp_path, save_picture, capsules, mode):
    data = data_of(tmp_path, [None] * 4, save_picture)
    for place in range(capsules):
        save_picture(tmp_path / f"{place}.png", draw_capsule("good", place, 200).picture)
    assert choose_roi(data).mode == mode


def test_on_pictures_seen_whole_capsules_are_looked_for_all_the_same(tmp_path, save_picture):
    data = data_of(tmp_path, [None, None], save_picture)
    save_picture(tmp_path / "1.png", draw_capsule("good", 1, 200).picture)
    surveyed = survey(data, replace(CAPSULE_ROI, mode="whole", width=240, height=240))
    assert surveyed.without_capsule == ("0.png",)
    assert [look.length for each in surveyed.pictures for look in each.looks] == [40, 200]
