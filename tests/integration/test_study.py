"""Cross-validation by command. Minutes, so marked slow."""

import csv
import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.modelfile.bundle import read_bundle

pytestmark = pytest.mark.slow


def test_a_study_is_trained_by_two_processes_evaluated_and_exported(
    dataset_folder, tmp_path, command, small
):
    folder, data = tmp_path / "study", ("--data", dataset_folder)
    settings = (*small, "train.epochs=1", "train.folds=2", "train.seeds=2")
    start = [sys.executable, "-m", "capsule_inspect", "train"]
    one = subprocess.Popen(
        [*start, "-o", folder, *data, *settings], stderr=subprocess.PIPE, text=True
    )
    while not (folder / "config.yaml").exists():
        assert one.poll() is None, one.communicate()
    other = subprocess.Popen([*start, f"train.resume={folder}"], stderr=subprocess.PIPE, text=True)
    said = [process.communicate(timeout=600)[1] for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), said
    names = [f"seed-{seed}-fold-{fold}" for seed in (0, 1) for fold in (0, 1)]
    trained = Counter(name for text in said for name in names if f"{name}: Epoch 1" in text)
    assert trained == dict.fromkeys(names, 1)  # no run was trained by both
    assert all(any(f"{name}: Epoch 1" in text for name in names) for text in said)

    wrong = command("evaluate", folder, *data, "--split", "val", "-o", tmp_path / "wrong")
    assert wrong.returncode == 2
    figures = []
    for number, kind in enumerate(("keras", "tflite")):
        if kind == "tflite":
            done = command("export-tflite", folder, *data, "export=float32", "--force")
            assert done.returncode == 0, done.stderr
        out = tmp_path / f"evaluation{number}"
        done = command("evaluate", folder, "-o", out, *data)
        assert done.returncode == 0, done.stderr
        assert "sd over seeds" in done.stdout
        document = json.loads((out / "metrics.json").read_text())
        figures.append({each["name"]: each["value"] for each in document["metrics"]})
        with (out / "out_of_fold.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        check_out_of_fold(rows, document, read_dataset(dataset_folder))
        page = (out / "report.html").read_text(encoding="utf-8")
        assert "ROC curve" in page
        # One row per picture, though each was judged once per seed.
        assert page.count("<tr data-group=") == len({row["path"] for row in rows})
        assert "means over 2 seeds" in page
        check_points(rows, document, folder, kind)
        again = command("evaluate", out / "out_of_fold.csv")
        assert again.returncode == 0, again.stderr
        for line in metric_lines(again.stdout):
            assert line in metric_lines(done.stdout)
        assert len(metric_lines(again.stdout)) >= 11
    assert figures[1] == pytest.approx(figures[0], abs=0.02)


def metric_lines(text):
    """The rows of the table of metrics but its last column, which differs in width."""
    return [line.split()[:6] for line in text.splitlines() if " to " in line]


def check_points(rows, document, folder, kind):
    """Members are judged by points of their own, which stand in the files and in the rows."""
    point = document["operating_point"]
    assert point == json.loads((folder / "decision.json").read_text())["operating_point"]
    assert "2 folds" in point["chosen_by"]
    assert [each["name"] for each in point["expected"]] == ["false_alarm_rate", "miss_rate"]
    for row in rows:
        run = folder / f"seed-{row['seed']}-fold-{row['fold']}"
        if kind == "keras":
            own = json.loads((run / "decision.json").read_text())["operating_point"]
        else:
            own = asdict(read_bundle(run / "model.tflite").metadata.operating_point)
        assert own["threshold"] == float(row["threshold"])
        assert own["temperature"] == float(row["temperature"])
        assert own["mask_threshold"] == float(row["mask_threshold"])
        assert (float(row["defect_score"]) < own["threshold"]) == (row["label"] == "good")


def check_out_of_fold(rows, document, data):
    """Every picture once for each seed, by the network that has not seen it; means add up."""
    assert Counter((row["path"], row["seed"]) for row in rows) == {
        (sample.path, seed): 1 for sample in data.samples for seed in ("0", "1")
    }
    dealt = {(row["path"], row["seed"]): row["fold"] for row in rows}
    assert any(dealt[s.path, "0"] != dealt[s.path, "1"] for s in data.samples)
    assert len({(row["fold"], row["seed"], row["model_sha256"]) for row in rows}) == 4
    assert len({row["model_sha256"] for row in rows}) == 4
    accuracies = [
        np.mean([row["label"] == row["truth"] for row in rows if row["seed"] == seed])
        for seed in ("0", "1")
    ]
    metrics = {each["name"]: each for each in document["metrics"]}
    assert metrics["accuracy"]["value"] == pytest.approx(np.mean(accuracies))
    assert metrics["accuracy"]["n"] == document["n"] == len(data.samples)
    assert document["spread"]["accuracy"] == pytest.approx(
        abs(accuracies[0] - accuracies[1]) / math.sqrt(2)
    )
