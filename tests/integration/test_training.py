"""From a data set folder to a model file, on small drawn capsules: minutes, so marked slow."""

import csv
import json

import pytest

from capsule_inspect.evaluation.metrics import PICTURE_METRICS
from capsule_inspect.modelfile.bundle import read_bundle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(dataset_folder, tmp_path_factory, command, small):
    """A run folder, trained by a command line of its own."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = command("train", "-o", folder, "--data", dataset_folder, *small)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_folder_holds_all_that_the_next_commands_need(run):
    with (run / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["loss"]) > 0 and row["val_dice"] for row in rows)
    rule = json.loads((run / "decision.json").read_text())
    assert rule["classes"][0] == "good"
    assert 0 <= rule["operating_point"]["threshold"] <= 1
    assert "epochs: 2" in (run / "config.yaml").read_text()
    # Without the optimizer's state the network is about 13 MB.
    assert (run / "model.keras").stat().st_size < 20e6


def test_latest_points_to_the_newest_run(tmp_path, dataset_folder, command, small):
    done = command("train", "--data", dataset_folder, *small, "train.epochs=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    latest = tmp_path / "runs" / "train" / "latest"
    assert latest.is_symlink()
    assert (latest / "model.keras").is_file()


@pytest.mark.parametrize("quantization", ["int8", "float32", "float16", "dynamic"])
def test_every_format_exports_and_predicts(
    quantization, run, dataset_folder, tmp_path, drawn_folder, command
):
    file = tmp_path / f"{quantization}.tflite"
    done = command(
        *("export-tflite", run, "-o", file, "--force"),
        *("--data", dataset_folder, f"export={quantization}"),
    )
    assert done.returncode == 0, done.stderr
    assert "same label" in done.stdout
    metadata = read_bundle(file).metadata
    assert metadata.quantization == quantization
    assert metadata.roi.width == 160
    assert {metric.name for metric in metadata.metrics} >= {"accuracy", "dice", "auroc"}
    out = tmp_path / "out"
    pictures = drawn_folder / "test/squeeze"
    done = command("predict", pictures, "-o", out, "--model", file, "--masks")
    assert done.returncode == 0, done.stderr
    with (out / "predictions.csv").open() as stream:
        assert {row["status"] for row in csv.DictReader(stream)} == {"ok"}


def test_float32_agrees_with_the_network_to_rounding(run, dataset_folder, tmp_path, command):
    done = command(
        *("export-tflite", run, "-o", tmp_path / "float32.tflite"),
        *("--data", dataset_folder, "export=float32"),
    )
    assert done.returncode == 0, done.stderr
    values = dict(
        line.rsplit(maxsplit=1)
        for line in (line.strip() for line in done.stdout.splitlines())
        if "difference" in line
    )
    assert float(values["logits: largest difference"]) < 1e-3
    assert float(values["mask_logits: largest difference"]) < 1e-3


def test_evaluate_gives_the_same_figures_as_the_export_says(run, dataset_folder, tmp_path, command):
    file = tmp_path / "model.tflite"
    done = command(
        *("export-tflite", run, "-o", file, "--force", "--data", dataset_folder),
        "export=float32",
    )
    assert done.returncode == 0, done.stderr
    figures = []
    for number, model in enumerate((file, run)):
        out = tmp_path / f"evaluation{number}"
        done = command("evaluate", model, "-o", out, "--data", dataset_folder)
        assert done.returncode == 0, done.stderr
        document = json.loads((out / "metrics.json").read_text())
        figures.append({each["name"]: each["value"] for each in document["metrics"]})
        with (out / "pictures.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        right = sum(row["label"] == row["truth"] for row in rows) / len(rows)
        assert figures[-1]["accuracy"] == pytest.approx(right)
    stored = {metric.name: metric.value for metric in read_bundle(file).metadata.metrics}
    # The export does not look at pixels.
    light = {name: value for name, value in figures[0].items() if name in PICTURE_METRICS}
    assert light == pytest.approx(stored)
    assert set(figures[0]) - set(stored) == {"pixel_auroc", "aupro", "pixel_f1"}
    assert figures[1] == pytest.approx(figures[0], abs=0.02)


def test_the_runs_are_listed_with_what_they_came_to(run, dataset_folder, command):
    measured = run.parent / "measured"
    done = command("evaluate", run, "-o", measured, "--data", dataset_folder)
    assert done.returncode == 0, done.stderr
    done = command("runs", run.parent, "--json")
    assert done.returncode == 0, done.stderr
    evaluated, trained = map(json.loads, done.stdout.splitlines())
    assert (trained["command"], trained["name"], trained["state"]) == ("train", "run", "finished")
    assert (trained["epochs"], trained["planned_epochs"]) == (2, 2)
    validated = json.loads((run / "validation.json").read_text())["metrics"]
    assert trained["metrics"] == [
        {key: m[key] for key in ("name", "value", "n")} for m in validated
    ]
    assert "dice" in {metric["name"] for metric in validated}
    assert (evaluated["command"], evaluated["state"]) == ("evaluate", "finished")
    stored = json.loads((measured / "metrics.json").read_text())["metrics"]
    assert evaluated["metrics"] == [{key: m[key] for key in ("name", "value", "n")} for m in stored]
    hashes = [
        json.loads((folder / "environment.json").read_text())["training_sha256"]
        for folder in (run, measured)
    ]
    assert hashes == [json.loads((run / "decision.json").read_text())["training_data_sha256"]] * 2
