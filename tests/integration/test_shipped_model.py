"""The model that ships, on drawn and on real capsules."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.inspector import Inspector, load
from capsule_inspect.modelfile.bundle import read_bundle

DEFECTS = ("crack", "faulty_imprint", "poke", "scratch", "squeeze")


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return load()


def test_it_is_small_quantized_and_says_where_it_comes_from():
    assert SHIPPED_MODEL.stat().st_size <= 7 * 2**20
    meta = read_bundle(SHIPPED_MODEL).metadata
    assert meta.quantization == "int8"
    assert meta.classes == ("good", *DEFECTS)
    assert "NonCommercial" in meta.licence
    measured = {metric.name: metric for metric in meta.metrics}
    assert set(measured) >= {"accuracy", "auroc", "dice", "iou", "miss_rate", "false_alarm_rate"}
    assert all(metric.low <= metric.value <= metric.high for metric in meta.metrics)


@pytest.mark.parametrize("seed", [101, 202, 303])
def test_drawn_capsules_it_never_saw_are_labelled_as_drawn(seed, inspector):
    labels = draw_labels(24, seed)
    found = [
        [
            finding.decision.label
            for finding in inspector.inspect(draw_capsule(label, (seed, i)).picture)
        ]
        for i, label in enumerate(labels)
    ]
    right = sum(each == [label] for each, label in zip(found, labels, strict=True))
    assert right >= 22, list(zip(labels, found, strict=True))


def test_a_drawn_defect_is_found_where_it_is(inspector):
    overlaps = []
    for index, label in enumerate(DEFECTS * 2):
        drawn = draw_capsule(label, (404, index))
        (finding,) = inspector.inspect(drawn.picture)
        truth, mask = drawn.mask > 0, finding.decision.mask
        overlaps.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert np.mean(overlaps) > 0.6, overlaps


@pytest.mark.slow
def test_every_real_picture_is_a_row_and_the_table_keeps_its_contract(real_data, tmp_path, invoke):
    done = invoke("predict", real_data / "train", real_data / "test", "-r", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.err
    with (tmp_path / "out" / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    pictures = [p for part in ("train", "test") for p in (real_data / part).glob("*/*.*")]
    assert sorted(row["path"] for row in rows) == sorted(str(p) for p in pictures)
    assert {row["status"] for row in rows} == {"ok"}
    right = sum(row["label"] == Path(row["path"]).parent.name for row in rows)
    # Most of these pictures were trained on: this shows that the file is whole, not how good it is.
    assert right / len(rows) >= 0.9


@pytest.mark.slow
def test_turned_real_pictures_keep_their_label(real_data, inspector):
    agree = []
    for path in sorted((real_data / "test").glob("*/*.*"))[::3]:
        picture = read_picture(path)
        (upright,) = inspector.inspect(picture)
        for degrees in (30, 90, 180):
            (turned,) = inspector.inspect(turn(picture, degrees))
            agree.append(turned.decision.label == upright.decision.label)
    assert np.mean(agree) >= 0.95


def turn(picture, degrees):
    """Turns a picture about its centre, on a canvas filled from its border."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
