"""Cross-validation by command. Minutes, so marked slow."""

import csv
import json
import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from capsule_inspect.dataset.manifest import read_dataset

pytestmark = pytest.mark.slow


def test_a_study_is_trained_by_two_processes_evaluated_and_exported(
    dataset_folder, tmp_path, command, small
):
    folder, data = tmp_path / "study", f"data.dir={dataset_folder}"
    settings = (*small, "train.epochs=1", "train.folds=2", "train.seeds=2")
    start = [sys.executable, "-m", "capsule_inspect", "train"]
    one = subprocess.Popen(
        [*start, "-o", folder, data, *settings], stderr=subprocess.PIPE, text=True
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

    wrong = command("evaluate", folder, data, "--split", "val", "-o", tmp_path / "wrong")
    assert wrong.returncode == 2
    figures = []
    for number, kind in enumerate(("keras", "tflite")):
        if kind == "tflite":
            done = command("export-tflite", folder, data, "export=float32", "--force")
            assert done.returncode == 0, done.stderr
        out = tmp_path / f"evaluation{number}"
        done = command("evaluate", folder, "-o", out, data)
        assert done.returncode == 0, done.stderr
        assert "sd over seeds" in done.stdout
        document = json.loads((out / "metrics.json").read_text())
        figures.append({each["name"]: each["value"] for each in document["metrics"]})
        with (out / "out_of_fold.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        check_out_of_fold(rows, document, read_dataset(dataset_folder))
        assert (out / "roc.png").is_file()
    assert figures[1] == pytest.approx(figures[0], abs=0.02)


def check_out_of_fold(rows, document, data):
    """Every picture once for each seed, by the network that has not seen it; means add up."""
    assert Counter((row["path"], row["seed"]) for row in rows) == {
        (sample.path, seed): 1 for sample in data.samples for seed in ("0", "1")
    }
    folds = {row["path"]: row["fold"] for row in rows}
    assert all(folds[row["path"]] == row["fold"] for row in rows)
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
