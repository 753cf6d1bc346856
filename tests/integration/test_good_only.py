"""Good pictures alone, from the folder to the rows, by the commands."""

import csv
import json

import pytest

import capsule_inspect

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(real_data, tmp_path_factory):
    """A run on the 187 good pictures of MVTec AD's own split."""
    folder = tmp_path_factory.mktemp("good")
    data, run = folder / "data", folder / "run"
    capsule_inspect.prepare(real_data, data, split="mvtec", page=False)
    trained = capsule_inspect.train(data, out=run)
    assert not trained.metrics  # there is no validation split
    capsule_inspect.export(run)
    return run


def test_the_file_finds_most_defects_that_it_has_never_seen(run, tmp_path, invoke):
    done = invoke(
        "evaluate", run / "model.tflite", "--data", run.parent / "data", "-o", tmp_path / "e"
    )
    assert done.exit_code == 0, done.err
    metrics = {
        each["name"]: each["value"]
        for each in json.loads((tmp_path / "e" / "metrics.json").read_text())["metrics"]
    }
    assert metrics["auroc"] >= 0.98
    assert metrics["pixel_auroc"] >= 0.95
    assert metrics["false_alarm_rate"] <= 0.16
    assert metrics["miss_rate"] <= 0.15


def test_predict_calls_defects_anomalies_and_outlines_them(run, real_data, tmp_path, invoke):
    crack = sorted((real_data / "test" / "crack").glob("*.*"))[:4]
    done = invoke("predict", *crack, "--model", run / "model.tflite", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.err
    with (tmp_path / "out" / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["label"] for row in rows} <= {"good", "anomaly"}
    found = [row for row in rows if row["label"] == "anomaly"]
    assert len(found) >= 3
    assert all(int(row["defect_area_px"]) > 0 for row in found)
