"""A run stopped at any moment resumes to the same place. Minutes, so marked slow."""

import csv
import json
import signal
import subprocess
import sys
import time
from io import BytesIO
from zipfile import ZipFile

import h5py
import numpy as np
import pytest

from capsule_inspect.files import hash_file

pytestmark = pytest.mark.slow

TWO_STAGES = (
    *("model.members=2", "model.decoder_dropout=0.2"),
    *("train.frozen_epochs=2", "train.epochs=1"),
)

# A shell that starts its jobs in the background has them ignore interrupts.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from capsule_inspect.cli.app import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def uninterrupted(dataset_folder, tmp_path_factory, command, small):
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    done = command("train", "-o", folder, "--data", dataset_folder, *small, *TWO_STAGES)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("sent", "epoch", "exit_code"),
    [
        pytest.param(signal.SIGINT, 1, 130, id="interrupted in the middle of the first stage"),
        pytest.param(signal.SIGKILL, 2, -9, id="killed where the second begins"),
    ],
)
def test_a_stopped_run_resumes_to_the_same_place(
    sent, epoch, exit_code, uninterrupted, dataset_folder, tmp_path, command, small
):
    folder = tmp_path / "stopped"
    arguments = ("train", "-o", str(folder), "--data", str(dataset_folder), *small, *TWO_STAGES)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *arguments], stderr=subprocess.PIPE, text=True
    )
    wait_for_epoch(epoch, folder)
    process.send_signal(sent)
    _, err = process.communicate(timeout=120)
    assert process.returncode == exit_code, err
    assert "Traceback" not in err
    if exit_code == 130:
        assert f"train --resume {folder}" in err
    assert not (folder / "decision.json").exists()

    done = command("train", "--resume", folder)
    assert done.returncode == 0, done.stderr
    mine, theirs = read_history(folder), read_history(uninterrupted)
    assert [row["epoch"] for row in mine] == ["1", "2", "3"]
    for one, other in zip(mine, theirs, strict=True):
        for column in set(one) - {"seconds"}:
            assert float(one[column]) == pytest.approx(float(other[column]), rel=1e-3), column
    rules = [json.loads((run / "decision.json").read_text()) for run in (folder, uninterrupted)]
    points = [rule.pop("operating_point") for rule in rules]
    hashes = [rule.pop("network_sha256") for rule in rules]
    assert all(rule.pop("checksum") for rule in rules)  # of the rest, so it differs
    assert hashes == [hash_file(run / "model.keras") for run in (folder, uninterrupted)]
    assert rules[0] == rules[1]
    for key in ("chosen_by", "policy", "expected"):
        assert points[0].pop(key) == points[1].pop(key), key
    assert points[0] == pytest.approx(points[1], abs=0.02)
    assert list((folder / "tensorboard").iterdir())
    for one, other in zip(weights(folder), weights(uninterrupted), strict=True):
        assert one == pytest.approx(other, rel=1e-2, abs=1e-3)


def test_early_stopping_keeps_the_best_and_ends_before_time(
    dataset_folder, tmp_path, command, small
):
    folder = tmp_path / "run"
    done = command(
        *("train", "-o", folder, "--data", dataset_folder, *small),
        # It learns nothing, so the first validation stays the best.
        *("train.epochs=9", "train.patience=2", "train.steps=1", "train.schedule=constant"),
        *("train.learning_rate=1e-12", "train.encoder_learning_rate=1e-12"),
    )
    assert done.returncode == 0, done.stderr
    assert len(read_history(folder)) == 3
    assert (folder / "best.keras").is_file()
    assert (folder / "model.keras").is_file()


def kill_when(process, is_due):
    """Kills a process at a moment, and checks that it had not ended."""
    deadline = time.monotonic() + 400
    while not is_due():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err


def test_killed_while_storing_features_and_while_training_it_ends_with_the_same_weights(
    dataset_folder, tmp_path, command, small
):
    frozen = ("train", "--data", dataset_folder, *small, "train.epochs=3", "train.steps=10")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    done = command(*frozen, "-o", whole, f"train.cache={tmp_path / 'a'}")
    assert done.returncode == 0, done.stderr
    views = len(list((tmp_path / "a").glob("*/[!.]*.features")))
    assert views > 20

    def stored():
        return len(list((tmp_path / "b").glob("*/[!.]*.features")))

    arguments = [str(part) for part in (*frozen, "-o", stopped, f"train.cache={tmp_path / 'b'}")]
    process = subprocess.Popen(
        [sys.executable, "-m", "capsule_inspect", *arguments], stderr=subprocess.PIPE, text=True
    )
    kill_when(process, lambda: stored() > views // 4)
    assert stored() < views
    assert not (stopped / "history.csv").exists()

    process = subprocess.Popen(
        [sys.executable, "-m", "capsule_inspect", "train", "--resume", stopped],
        stderr=subprocess.PIPE,
        text=True,
    )
    kill_when(process, (stopped / "history.csv").exists)
    assert stored() == views
    assert not (stopped / "model.keras").exists()

    done = command("train", "--resume", stopped)
    assert done.returncode == 0, done.stderr
    assert [row["epoch"] for row in read_history(stopped)] == ["1", "2", "3"]
    for one, other in zip(weights(stopped), weights(whole), strict=True):
        assert np.array_equal(one, other)


def wait_for_epoch(epoch, folder):
    """Waits until the checkpoint of an epoch is written, right after its row."""
    history, checkpoint = folder / "history.csv", folder / "checkpoint.keras"
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        rows = len(history.read_text().splitlines()) - 1 if history.exists() else 0
        if rows >= epoch and checkpoint.stat().st_mtime_ns > history.stat().st_mtime_ns:
            return
        time.sleep(0.02)
    raise AssertionError(f"epoch {epoch} was not finished in time")


def weights(folder):
    """The arrays of model.keras, averages and batch-norm statistics included."""
    with ZipFile(folder / "model.keras") as archive:
        stored = BytesIO(archive.read("model.weights.h5"))
    found = []
    with h5py.File(stored) as file:
        file.visititems(lambda _, item: found.append(item[()]) if hasattr(item, "shape") else None)
    return found


def read_history(folder):
    with (folder / "history.csv").open() as stream:
        return list(csv.DictReader(stream))
