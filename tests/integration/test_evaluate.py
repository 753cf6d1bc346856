"""`capsule-inspect evaluate`, with a model file that tells labels by colour."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.modelfile.bundle import read_bundle, write_bundle
from capsule_inspect.modelfile.metadata import ReviewBand

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SIZE = (32, 96)


def picture(colour, index: int) -> np.ndarray:
    values = np.full((*SIZE, 3), colour, np.uint8)
    values[index, -1] ^= 1  # copies of one picture would be left out
    return values


@pytest.fixture(scope="module")
def source(tmp_path_factory, save_picture) -> Path:
    """Four good pictures, three cracked on their left, two scratched, of which one looks good."""
    folder = tmp_path_factory.mktemp("source")
    for index in range(4):
        save_picture(folder / f"good/{index}.png", picture(RED, index))
    for index in range(3):
        cracked = picture(RED, 10 + index)
        cracked[:, :72] = GREEN
        save_picture(folder / f"crack/{index}.png", cracked)
    save_picture(folder / "scratch/0.png", picture(BLUE, 20))
    save_picture(folder / "scratch/1.png", picture(RED, 21))
    return folder


@pytest.fixture(scope="module")
def masked(source, tmp_path_factory, save_picture) -> Path:
    """The same with masks: two thirds of the green, all of the blue, a quarter of the last."""
    folder = tmp_path_factory.mktemp("masked")
    for path in source.glob("*/*.png"):
        target = folder / path.relative_to(source)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    columns = {"crack/0": 48, "crack/1": 48, "crack/2": 48, "scratch/0": 96, "scratch/1": 24}
    for name, end in columns.items():
        mask = np.zeros(SIZE, np.uint8)
        mask[:, :end] = 255
        save_picture(folder / f"masks/{name}.png", mask)
    return folder


@pytest.fixture
def evaluate(invoke, tmp_path):
    """Prepares a folder, evaluates a model on all of it; the outcome, and the results folder."""

    def run(folder: Path, model: Path, *arguments: str):
        assert invoke("prepare", folder, tmp_path / "data").exit_code == 0
        return invoke(
            *("evaluate", model, "-o", tmp_path / "out", "--split", "all"),
            *("--data", tmp_path / "data", *arguments),
        ), tmp_path / "out"

    return run


@pytest.fixture
def with_review(tiny_model, tmp_path) -> Path:
    """The same model, which leaves scores from .2 to below .99 to a person: those of cracks."""
    bundle = read_bundle(tiny_model)
    band = ReviewBand(0.2, 0.99, 0.0, 0.0)
    point = replace(bundle.metadata.operating_point, review=band)
    metadata = replace(bundle.metadata, operating_point=point)
    write_bundle(tmp_path / "band.tflite", bundle.flatbuffer, metadata)
    return tmp_path / "band.tflite"


def values(folder: Path) -> dict[str, float]:
    document = json.loads((folder / "metrics.json").read_text())
    return {metric["name"]: metric["value"] for metric in document["metrics"]}


def test_all_is_measured_printed_and_written(evaluate, masked, tiny_model):
    done, out = evaluate(masked, tiny_model)
    assert done.exit_code == 0, done.err
    names = ["config", "environment", "metrics", "pictures", "report"]
    assert sorted(path.stem for path in out.iterdir()) == names
    measured = values(out)
    assert list(measured) == [
        *("accuracy", "defect_only_accuracy", "presence_accuracy", "auroc", "average_precision"),
        *("dice", "iou", "dice_all", "iou_all", "pixel_auroc", "aupro", "pixel_f1"),
        *("false_alarm_rate", "miss_rate"),
    ]
    assert measured["accuracy"] == measured["presence_accuracy"] == pytest.approx(8 / 9)
    assert measured["defect_only_accuracy"] == pytest.approx(4 / 5)
    assert (measured["miss_rate"], measured["false_alarm_rate"]) == (pytest.approx(1 / 5), 0)
    # 48 of 72 columns thrice, all, nothing; then four good pictures that are empty.
    assert measured["dice"] == pytest.approx((3 * 2 * 48 / (48 + 72) + 1 + 0) / 5, abs=0.02)
    assert measured["iou"] == pytest.approx((3 * 48 / 72 + 1 + 0) / 5, abs=0.02)
    assert measured["dice_all"] == pytest.approx((5 * measured["dice"] + 4) / 9)
    # In columns, 72 of 600 sound ones are green and 528 red; of the defect ones 96 are blue and
    # beat them all, 144 are green and tie with the green, and 24 are red and tie with the red.
    pairs = 96 * 600 + 144 * (528 + 72 / 2) + 24 * 528 / 2
    assert measured["pixel_auroc"] == pytest.approx(pairs / (264 * 600), abs=0.02)
    # One region at no false positives, three more at .12, the last at 1.
    end = 0.8 + 0.2 * (0.3 - 0.12) / (1 - 0.12)
    area = 0.12 * (0.2 + 0.8) / 2 + (0.3 - 0.12) * (0.8 + end) / 2
    assert measured["aupro"] == pytest.approx(area / 0.3, abs=0.02)
    # 96 blue ones alone, or 240 with the green and 72 alarms, or all.
    best = max(2 * 96 / (96 + 264), 2 * 240 / (312 + 264), 2 * 264 / (864 + 264))
    assert measured["pixel_f1"] == pytest.approx(best, abs=0.02)
    document = json.loads((out / "metrics.json").read_text())
    assert document["confusion"]["columns"] == ["good", "crack", "scratch", "no_capsule"]
    assert document["confusion"]["counts"] == [[4, 0, 0, 0], [0, 3, 0, 0], [1, 0, 1, 0]]
    scratch = {each["name"]: each["value"] for each in document["per_class"][2]["metrics"]}
    expected = {"recall": 0.5, "precision": 1, "presence": 0.5, "dice": 0.5, "iou": 0.5}
    assert scratch == pytest.approx(expected, abs=1e-9)
    printed = [line.split() for line in done.out.splitlines()]
    assert ["scratch", "1", "·", "1", "·"] in printed
    assert ["scratch", "2", "0.500", "1.000", "0.500", "0.500", "0.500"] in printed
    assert "0.8889" in done.out
    point = read_bundle(tiny_model).metadata.operating_point
    said = f"Threshold {point.threshold:g} ({point.chosen_by}). By class"
    assert said in " ".join(done.out.split())
    with (out / "pictures.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 9


def test_a_model_file_is_measured_without_tensorflow_and_matplotlib(
    invoke, masked, tiny_model, tmp_path, modules_after
):
    assert invoke("prepare", masked, tmp_path / "data").exit_code == 0
    options = ("-o", tmp_path / "out", "--split", "all", f"data.dir={tmp_path / 'data'}")
    modules = modules_after("evaluate", tiny_model, *options)
    assert "sklearn" in modules
    assert not modules & {"tensorflow", "keras", "matplotlib"}


SEGMENTATION = {"dice", "iou", "dice_all", "iou_all", "pixel_auroc", "aupro", "pixel_f1"}


def test_a_label_only_model_has_no_figures_of_segmentation(evaluate, masked, tiny_label_only_model):
    done, out = evaluate(masked, tiny_label_only_model)
    assert done.exit_code == 0, done.err
    assert not SEGMENTATION & set(values(out))
    assert values(out)["accuracy"] == pytest.approx(8 / 9)


def test_class_folders_without_masks_have_none_either(evaluate, source, tiny_model):
    done, out = evaluate(source, tiny_model, "--require", "aupro>=0")
    assert done.exit_code == 1
    assert "no aupro" in done.err
    assert not SEGMENTATION & set(values(out))


def test_conditions_that_hold_end_with_0(evaluate, masked, tiny_model):
    done, _ = evaluate(
        masked, tiny_model, "--require", "accuracy>=.85", "--require", "false_alarm_rate<=0"
    )
    assert done.exit_code == 0, done.err


def test_an_unmet_condition_ends_with_1_after_all_is_written(evaluate, masked, tiny_model):
    conditions = ("accuracy>=.95", "miss_rate<.1", "presence_accuracy>.5")
    done, out = evaluate(masked, tiny_model, *(f"--require={each}" for each in conditions))
    assert done.exit_code == 1
    assert "'accuracy>=.95', but accuracy is 0.888889" in done.err
    assert "'miss_rate<.1', but miss_rate is 0.2" in done.err
    assert "presence_accuracy" not in done.err
    assert "presence_accuracy" in done.out
    assert (out / "metrics.json").is_file()
    assert "ROC curve" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("condition", ["acuracy>=.9", "accuracy>=", "accuracy>=95"])
def test_a_condition_that_makes_no_sense_is_refused_first(invoke, tmp_path, condition):
    # Neither the model nor the data set is there, and neither is looked for.
    done = invoke("evaluate", tmp_path / "none.tflite", "--require", condition)
    assert done.exit_code == 2
    assert done.err.startswith("Error: ")
    assert f"condition '{condition}'" in done.err
    assert "none.tflite" not in done.err


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("none.keras", "There is no model '{}'."),
        ("none.tflite", "The model file '{}' does not exist."),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(
    invoke, dataset_folder, tmp_path, name, complaint
):
    model, out = tmp_path / name, tmp_path / "out"
    done = invoke("evaluate", model, "--data", dataset_folder, "-o", out)
    assert done.exit_code == 2
    *_, last = done.err.splitlines()
    assert last.startswith(f"Error: {complaint.format(model)}")
    assert not out.exists()


def test_a_model_file_is_measured_without_tensorflow(modules_after, dataset_folder, tmp_path):
    arguments = (SHIPPED_MODEL, "--data", dataset_folder, "-o", tmp_path / "out")
    assert not modules_after("evaluate", *arguments) & {"tensorflow", "keras"}


def test_a_model_with_review_is_measured_by_outcomes(evaluate, source, with_review):
    done, out = evaluate(source, with_review)
    assert done.exit_code == 0, done.err
    outcomes = json.loads((out / "metrics.json").read_text())["outcomes"]
    # Four good ones; three cracks in the band, one clear scratch, and one that looks good.
    assert {each["name"]: (each["value"], each["n"]) for each in outcomes} == {
        "good_accept": (1.0, 4),
        "good_review": (0.0, 4),
        "good_reject": (0.0, 4),
        "defect_accept": (0.2, 5),
        "defect_review": (0.6, 5),
        "defect_reject": (0.2, 5),
    }
    lines = [line.split() for line in done.out.splitlines()]
    assert ["pictures", "n", "accept", "review", "reject"] in lines
    (row,) = [line for line in lines if line[:2] == ["defective", "5"]]
    assert row == ["defective", "5", "0.200", "0.600", "0.200"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Errors left after review" in page


def test_without_review_there_are_no_outcomes(evaluate, source, tiny_model):
    done, out = evaluate(source, tiny_model)
    assert "outcomes" not in json.loads((out / "metrics.json").read_text())
    assert "What becomes of the pictures" not in done.out
    assert "Errors left after review" in (out / "report.html").read_text(encoding="utf-8")
