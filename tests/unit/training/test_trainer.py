import csv
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from capsule_inspect.errors import InterruptedRunError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.begin_training import begin_training
from capsule_inspect.training.fit import fit
from capsule_inspect.training.load_trained import load_trained
from capsule_inspect.training.network_file import load_network
from capsule_inspect.training.watcher import Watcher

SILENT = Watcher(lambda _: None)


def new_run(path: Path) -> RunFolder:
    path.mkdir()
    return RunFolder(path)


def history(run: RunFolder) -> list[dict[str, str]]:
    with run.history.open(newline="") as stream:
        return list(csv.DictReader(stream))


class StopAfter(keras.callbacks.Callback):
    """The user presses Ctrl+C while an epoch is trained."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        del logs
        if epoch == self._epochs:
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_to_where_it_would_have_come(small_settings, few_pictures, tmp_path):
    whole, stopped = new_run(tmp_path / "whole"), new_run(tmp_path / "stopped")
    notes = []
    metrics = fit(small_settings, few_pictures, whole, Watcher(notes.append))
    assert notes == [
        "Reading the training pictures of data/capsule.",
        "Training from epoch 1 to 2.",
        "Choosing the operating point.",
    ]
    assert {metric.name: metric.n for metric in metrics}["accuracy"] == 3
    stored = json.loads(whole.validation.read_text())["metrics"]
    assert [(each["name"], each["value"]) for each in stored] == [
        (metric.name, metric.value) for metric in metrics
    ]
    rows = history(whole)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["loss"]) > 0 and row["val_accuracy"] for row in rows)
    assert any(whole.tensorboard.iterdir())
    assert (whole.path / "curves.png").stat().st_size > 1000

    with pytest.raises(InterruptedRunError, match=f"train.resume={stopped.path}"):
        fit(small_settings, few_pictures, stopped, Watcher(print, (StopAfter(1),)))
    assert not stopped.model.exists()
    assert not stopped.decision.exists()
    fit(small_settings, few_pictures, stopped, SILENT)
    assert [row["epoch"] for row in history(stopped)] == ["1", "2"]
    assert float(history(stopped)[1]["loss"]) == pytest.approx(float(rows[1]["loss"]), rel=1e-4)
    one, other = (load_trained(run.path) for run in (whole, stopped))
    assert one.rule.training_data_sha256 == few_pictures.training_sha256
    assert one.rule.classes == few_pictures.classes
    assert other.rule.operating_point.threshold == pytest.approx(
        one.rule.operating_point.threshold, abs=1e-3
    )
    pairs = zip(one.network.get_weights(), other.network.get_weights(), strict=True)
    for mine, theirs in pairs:
        assert theirs == pytest.approx(mine, abs=1e-4)


def test_patience_stops_a_run_that_gets_no_better_and_keeps_the_best(
    small_settings, few_pictures, tmp_path
):
    # At this learning rate every validation is as good as the first.
    patient = replace(small_settings.train, epochs=5, patience=1, learning_rate=1e-12)
    settings, run = replace(small_settings, train=patient), new_run(tmp_path / "run")
    fit(settings, few_pictures, run, SILENT)
    assert [row["epoch"] for row in history(run)] == ["1", "2"]
    best, kept = (load_network(path, compiled=False) for path in (run.best, run.model))
    for mine, theirs in zip(best.get_weights(), kept.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    notes = []
    fit(settings, few_pictures, run, Watcher(notes.append))
    assert not any("from epoch" in note for note in notes)


def test_the_best_are_the_averaged_weights(small_settings, few_pictures, tmp_path):
    short = replace(small_settings.train, epochs=1, steps=3)
    weights = []
    for name, patience in (("to the end", 0), ("patient", 1)):
        run = new_run(tmp_path / name)
        settings = replace(small_settings, train=replace(short, patience=patience))
        fit(settings, few_pictures, run, SILENT)
        weights.append(load_network(run.model, compiled=False).get_weights())
    best = load_network(run.best, compiled=False).get_weights()
    live = load_network(run.checkpoint, compiled=False).get_weights()
    for averaged, kept, mine in zip(*weights, best, strict=True):
        assert np.array_equal(kept, mine)
        assert mine == pytest.approx(averaged, abs=1e-6)
    apart = [np.abs(mine - theirs).max() for mine, theirs in zip(best, live, strict=True)]
    assert max(apart) > 1e-4


def test_the_encoder_learns_in_the_second_stage_alone(small_settings, few_pictures, tmp_path):
    staged = replace(
        small_settings.train,
        frozen_epochs=1,
        epochs=1,
        encoder_learning_rate=1e-2,
        validate_every=9,
    )
    settings, run = replace(small_settings, train=staged), new_run(tmp_path / "run")

    def encoder() -> list[np.ndarray]:
        network = load_network(run.checkpoint, compiled=True)
        return [w for each in network.layers if "encoder" in each.name for w in each.get_weights()]

    begin_training(settings, few_pictures, run, SILENT)
    new = encoder()
    with pytest.raises(InterruptedRunError):
        fit(settings, few_pictures, run, Watcher(print, (StopAfter(1),)))
    frozen = encoder()
    fit(settings, few_pictures, run, SILENT)
    assert all(np.array_equal(a, b) for a, b in zip(new, frozen, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(frozen, encoder(), strict=True))
    assert [bool(row["val_accuracy"]) for row in history(run)] == [False, True]
