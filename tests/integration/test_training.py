"""From a data set folder to a model file, on small drawn capsules: minutes, so marked slow."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from capsule_inspect.evaluation.metrics import PICTURE_METRICS
from capsule_inspect.modelfile.bundle import read_bundle

pytestmark = pytest.mark.slow

# A window of a ninth of the pixels, which learns as well as nothing but runs every line.
SMALL = (
    "model.roi.width=160",
    "model.roi.height=64",
    "model.roi.capsule_length=142",
    "train.epochs=2",
    "train.steps=4",
    "train.batch_size=4",
    "train.drawn=8",
    "train.validate_every=1",
)


@pytest.fixture(scope="module")
def run(dataset_folder, tmp_path_factory):
    """A run folder, trained by a command line of its own."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = command("train", "-o", folder, f"data.dir={dataset_folder}", *SMALL)
    assert done.returncode == 0, done.stderr
    return folder


def command(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "capsule_inspect", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


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


def test_latest_points_to_the_newest_run(tmp_path, dataset_folder):
    done = command("train", f"data.dir={dataset_folder}", *SMALL, "train.epochs=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    latest = tmp_path / "runs" / "train" / "latest"
    assert latest.is_symlink()
    assert (latest / "model.keras").is_file()


def test_an_interrupted_run_says_how_to_resume_and_ends_like_an_uninterrupted_one(
    run, dataset_folder, tmp_path
):
    folder = tmp_path / "interrupted"
    # A shell that starts its jobs in the background has them ignore interrupts.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from capsule_inspect.cli.app import main; main(sys.argv[1:])"
    )
    arguments = ("train", "-o", str(folder), f"data.dir={dataset_folder}", *SMALL)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True
    )
    wait_for_epoch(1, folder)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert f"train.resume={folder}" in err
    assert "Traceback" not in err

    done = command("train", f"train.resume={folder}")
    assert done.returncode == 0, done.stderr
    assert_same_history(folder, run)


TWO_STAGES = (*SMALL, "train.frozen_epochs=2", "train.epochs=1", "model.decoder_dropout=0.2")


@pytest.fixture(scope="module")
def two_stages(dataset_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "stages"
    done = command("train", "-o", folder, f"data.dir={dataset_folder}", *TWO_STAGES)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_killed_run_resumes_to_the_same_place(epoch, two_stages, dataset_folder, tmp_path):
    """In the middle of the first stage, and where the second begins."""
    folder = tmp_path / "killed"
    arguments = ("train", "-o", str(folder), f"data.dir={dataset_folder}", *TWO_STAGES)
    process = subprocess.Popen(
        [sys.executable, "-m", "capsule_inspect", *arguments], stderr=subprocess.DEVNULL
    )
    wait_for_epoch(epoch, folder)
    process.kill()
    process.wait()
    assert not (folder / "decision.json").exists()
    done = command("train", f"train.resume={folder}")
    assert done.returncode == 0, done.stderr
    assert_same_history(folder, two_stages)
    assert list((folder / "tensorboard").iterdir())


def test_early_stopping_keeps_the_best_and_ends_before_time(dataset_folder, tmp_path):
    folder = tmp_path / "run"
    done = command(
        *("train", "-o", folder, f"data.dir={dataset_folder}", *SMALL),
        # It learns nothing, so the first validation stays the best.
        *("train.epochs=9", "train.patience=2", "train.steps=1", "train.schedule=constant"),
        *("train.learning_rate=1e-12", "train.encoder_learning_rate=1e-12"),
    )
    assert done.returncode == 0, done.stderr
    with (folder / "history.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 3
    assert (folder / "best.keras").is_file()
    assert (folder / "model.keras").is_file()


def wait_for_epoch(epoch, folder):
    """Waits until the checkpoint of an epoch is written, right after its row."""
    history, checkpoint = folder / "history.csv", folder / "checkpoint.keras"
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        rows = len(history.read_text().splitlines()) - 1 if history.exists() else 0
        if rows == epoch and checkpoint.stat().st_mtime_ns > history.stat().st_mtime_ns:
            return
        assert rows <= epoch
        time.sleep(0.02)
    raise AssertionError(f"epoch {epoch} was not finished in time")


def assert_same_history(one, other):
    histories = []
    for folder in (one, other):
        with (folder / "history.csv").open() as stream:
            histories.append(list(csv.DictReader(stream)))
    for mine, theirs in zip(*histories, strict=True):
        assert mine["epoch"] == theirs["epoch"]
        assert float(mine["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-4)
        assert mine["learning_rate"] == theirs["learning_rate"]


def test_resuming_a_folder_without_a_checkpoint_is_refused(tmp_path):
    done = command("train", f"train.resume={tmp_path}")
    assert done.returncode == 2
    assert "config.yaml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("quantization", ["int8", "float32", "float16", "dynamic"])
def test_every_format_exports_and_predicts(quantization, run, dataset_folder, tmp_path, real_path):
    file = tmp_path / f"{quantization}.tflite"
    done = command(
        *("export-tflite", run, "-o", file, "--force"),
        *(f"data.dir={dataset_folder}", f"export={quantization}"),
    )
    assert done.returncode == 0, done.stderr
    assert "same label" in done.stdout
    metadata = read_bundle(file).metadata
    assert metadata.quantization == quantization
    assert metadata.roi.width == 160
    assert {metric.name for metric in metadata.metrics} >= {"accuracy", "dice", "auroc"}
    out = tmp_path / "out"
    done = command("predict", real_path, "-r", "-o", out, "--model", file, "--masks")
    assert done.returncode == 0, done.stderr
    with (out / "predictions.csv").open() as stream:
        assert {row["status"] for row in csv.DictReader(stream)} == {"ok"}


@pytest.fixture
def real_path(drawn_folder):
    return drawn_folder / "test" / "squeeze"


def test_float32_agrees_with_the_network_to_rounding(run, dataset_folder, tmp_path):
    done = command(
        *("export-tflite", run, "-o", tmp_path / "float32.tflite"),
        *(f"data.dir={dataset_folder}", "export=float32"),
    )
    assert done.returncode == 0, done.stderr
    values = dict(
        line.rsplit(maxsplit=1)
        for line in (line.strip() for line in done.stdout.splitlines())
        if "difference" in line
    )
    assert float(values["logits: largest difference"]) < 1e-3
    assert float(values["mask_logits: largest difference"]) < 1e-3


def test_an_export_that_disagrees_is_refused(run, dataset_folder, tmp_path):
    file = tmp_path / "refused.tflite"
    done = command(
        *("export-tflite", run, "-o", file, f"data.dir={dataset_folder}", "export=int8"),
        *("export.min_agreement=1.01",),
    )
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert not file.exists()


def test_evaluate_gives_the_same_figures_as_the_export_says(run, dataset_folder, tmp_path):
    file = tmp_path / "model.tflite"
    done = command(
        *("export-tflite", run, "-o", file, "--force", f"data.dir={dataset_folder}"),
        "export=float32",
    )
    assert done.returncode == 0, done.stderr
    figures = []
    for number, model in enumerate((file, run)):
        out = tmp_path / f"evaluation{number}"
        done = command("evaluate", model, "-o", out, f"data.dir={dataset_folder}")
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
    assert set(figures[0]) - set(stored) == {"pixel_auroc", "aupro"}
    assert figures[1] == pytest.approx(figures[0], abs=0.02)


def test_a_missing_extra_says_what_to_install(tmp_path):
    """A light install is imitated by a folder that hides TensorFlow."""
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'tensorflow' else find(name, *a)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "capsule_inspect", "train", "data.dir=nowhere"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'capsule-inspect[train]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_is_not_there_is_one_sentence(dataset_folder, tmp_path):
    for model in (tmp_path / "none.keras", tmp_path / "none.tflite"):
        done = command("evaluate", model, f"data.dir={dataset_folder}", "-o", tmp_path / "out")
        assert done.returncode == 2
        assert "Error:" in done.stderr
        assert "Traceback" not in done.stderr
    assert not Path(tmp_path / "out").exists()
