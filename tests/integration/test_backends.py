"""TensorFlow and JAX train alike, and read what the other wrote. Minutes, so marked slow."""

import csv
import importlib.util
import json
import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed"),
]

BACKENDS = ("tensorflow", "jax")

# What the backends draw from a seed differs, so both begin with these, and drop nothing.
SAVE_WEIGHTS = """
import sys, keras
from capsule_inspect.settings.compose import compose
from capsule_inspect.model.network import build_network

file, *overrides = sys.argv[1:]
build_network(compose(overrides).model, 6).save_weights(file)
"""
NOTHING_DROPPED = ("train.epochs=1", "model.head_dropout=0.0")


@pytest.fixture(scope="module")
def runs(dataset_folder, tmp_path_factory, command, small):
    """One epoch under each backend, from the same seed and weights."""
    folder = tmp_path_factory.mktemp("backends")
    weights, found = folder / "begin.weights.h5", {}
    subprocess.run(
        [sys.executable, "-c", SAVE_WEIGHTS, weights, *small],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        check=True,
    )
    for backend in BACKENDS:
        run = folder / backend
        done = command(
            *("train", "-o", run, "--data", dataset_folder, *small),
            *(*NOTHING_DROPPED, f"model.weights={weights}"),
            KERAS_BACKEND=backend,
        )
        assert done.returncode == 0, done.stderr
        assert ("JAX" in done.stderr) == (backend == "jax")
        found[backend] = run
    return found


def loss(run) -> float:
    with (run / "history.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    return float(row["loss"])


def test_the_first_epochs_loss_differs_by_less_than_a_hundredth(runs):
    losses = [loss(runs[backend]) for backend in BACKENDS]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


@pytest.mark.parametrize("other", BACKENDS)
def test_what_one_saves_the_other_loads(other, runs, dataset_folder, tmp_path, command):
    (writer,) = set(BACKENDS) - {other}
    scores = []
    for reader in (writer, other):
        out = tmp_path / reader
        done = command(
            *("evaluate", runs[writer], "-o", out, "--data", dataset_folder),
            KERAS_BACKEND=reader,
        )
        assert done.returncode == 0, done.stderr
        with (out / "pictures.csv").open() as stream:
            scores.append([float(row["defect_score"]) for row in csv.DictReader(stream)])
        assert json.loads((out / "metrics.json").read_text())["n"] == len(scores[-1])
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)


def test_another_backend_is_refused_in_a_sentence(dataset_folder, command):
    done = command("train", "--data", dataset_folder, KERAS_BACKEND="abacus")
    assert done.returncode == 2
    assert "tensorflow, jax" in done.stderr
    assert "Traceback" not in done.stderr
