"""Training leaks no validation pictures, and equal runs give equal networks."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from recorder import Recorder

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.split import leave_out
from capsule_inspect.errors import DataError, InterruptedRunError, ModelFileError
from capsule_inspect.evaluation.cross_validation import Fitted, cross_validate
from capsule_inspect.evaluation.judge import judge
from capsule_inspect.evaluation.metrics import measure
from capsule_inspect.exporting.convert import convert_trained
from capsule_inspect.exporting.write import write_verified
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.reporter import SILENT
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import (
    AugmentSettings,
    DataSettings,
    ExportSettings,
    ModelSettings,
    Settings,
    TrainSettings,
)
from capsule_inspect.training.fit import begin_training, fit, fit_and_show
from capsule_inspect.training.fit_members import fit_members
from capsule_inspect.training.network_files import load_network, load_trained
from capsule_inspect.training.study import make_study

pytestmark = pytest.mark.slow

# Nothing that keeps a network from learning its pictures by heart.
BY_HEART = Settings(
    data=DataSettings(val=0.15),
    model=ModelSettings(
        roi=Roi("capsule", 160, 64, 142),
        encoder="efficientnet_lite0",
        decoder_filters=[32, 24],
        head_dropout=0.0,
    ),
    train=TrainSettings(
        epochs=2,
        steps=60,
        learning_rate=2e-3,
        encoder_learning_rate=1e-3,
        weight_decay=0.0,
        average_momentum=0.9,
        label_smoothing=0.0,
        transplant=0.0,
        drawn=0,
        folds=2,
        augment=AugmentSettings(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0),
    ),
)


@pytest.fixture(scope="module")
def shuffled(dataset_folder):
    """The small data set with its labels dealt out anew: no mask belongs to them any more."""
    data = read_dataset(dataset_folder)
    labels = [sample.label for sample in data.samples]
    np.random.default_rng(0).shuffle(labels)
    pairs = zip(data.samples, labels, strict=True)
    return replace(data, samples=tuple(replace(s, label=label, mask="") for s, label in pairs))


def test_of_shuffled_labels_nothing_is_known_but_what_was_learned_by_heart(shuffled, tmp_path):
    study = make_study(tmp_path, BY_HEART)
    assert fit_members(study, shuffled, SILENT) == ()
    by_heart, members = [], []
    for member in study.members:
        trained, view = load_trained(member.run.path), study.view(shuffled, member)
        rule = trained.rule
        inspector = trained.inspector
        own = [sample for sample in view.samples if sample.split == "train"]
        by_heart += judge(view, own, inspector)
        members.append(
            Fitted("a run", member.fold, 0, view, inspector, rule.training_data_sha256, "ab" * 32)
        )
    out_of_fold = cross_validate(members).pooled.metrics
    auroc = {
        name: next(metric for metric in metrics if metric.name == "auroc")
        for name, metrics in (("seen", measure(by_heart)), ("unseen", out_of_fold))
    }
    assert auroc["unseen"].n == len(shuffled.samples)
    assert auroc["unseen"].low < 0.5 < auroc["unseen"].high
    # Had a network seen what it is scored on, this is what would have come out.
    assert auroc["seen"].low > 0.5


def weights_of(run):
    return load_network(run.model, compiled=False).get_weights()


@pytest.fixture(scope="module")
def fitted(dataset_folder, tmp_path_factory):
    """Trains on all but the first of two folds; the pictures may be changed before."""

    def train(name, seed=0, change=lambda _: None):
        folder = tmp_path_factory.mktemp(name)
        copy = folder / "data"
        shutil.copytree(read_dataset(dataset_folder).root, copy)
        view = leave_out(read_dataset(dataset_folder, copy), 0, 2, 0.15)
        change(view)
        tiny = replace(BY_HEART.train, epochs=1, steps=4, batch_size=4, folds=0, seed=seed)
        run = RunFolder(folder)
        fit(replace(BY_HEART, train=tiny), view, run, SILENT)
        with run.history.open() as stream:
            (row,) = csv.DictReader(stream)
        return run, float(row["loss"]), view

    return train


@pytest.fixture(scope="module")
def first(fitted):
    return fitted("first")


def int8_labels(run, view, tmp_path):
    trained, settings = load_trained(run.path), ExportSettings()
    converted = convert_trained(trained, view, tmp_path / f"{run.path.name}.tflite", settings)
    exported = write_verified(converted, view, trained.rule.operating_point, settings, force=True)
    return [judgement.label for judgement in exported.parity.after]


def test_the_same_seed_gives_the_same_network_and_another_seed_another(first, fitted, tmp_path):
    run, loss, view = first
    again, same_loss, _ = fitted("again")
    assert same_loss == pytest.approx(loss, rel=1e-5)
    labels = int8_labels(run, view, tmp_path)
    assert len(labels) == len(view.samples)
    assert int8_labels(again, view, tmp_path) == labels
    other, _, _ = fitted("other", seed=1)
    moved = [not np.allclose(a, b) for a, b in zip(weights_of(run), weights_of(other), strict=True)]
    assert np.mean(moved) > 0.3


def test_what_the_scored_fold_holds_has_no_part_in_the_weights(first, fitted):
    def overwrite(view):
        random = np.random.default_rng(0)
        for sample in view.samples:
            if sample.split == "test":
                noise = random.integers(0, 256, (sample.height, sample.width, 3)).astype(np.uint8)
                (view.root / sample.path).write_bytes(cv2.imencode(".png", noise)[1].tobytes())

    run, loss, _ = first
    noisy, same_loss, _ = fitted("noisy", change=overwrite)
    assert same_loss == pytest.approx(loss, rel=1e-5)
    for one, other in zip(weights_of(run), weights_of(noisy), strict=True):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)


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
    recorder = Recorder()
    metrics = fit(small_settings, few_pictures, whole, recorder)
    assert recorder.said == [
        "Reading the training pictures of data/capsule.",
        "Computing the features of 10 variations, or reading them again.",
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

    with pytest.raises(InterruptedRunError, match=f"train --resume {stopped.path}$"):
        fit(small_settings, few_pictures, stopped, SILENT, (StopAfter(1),))
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
    recorder = Recorder()
    fit(settings, few_pictures, run, recorder)
    assert not any("from epoch" in sentence for sentence in recorder.said)


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
        fit(settings, few_pictures, run, SILENT, (StopAfter(1),))
    frozen = encoder()
    fit(settings, few_pictures, run, SILENT)
    assert all(np.array_equal(a, b) for a, b in zip(new, frozen, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(frozen, encoder(), strict=True))
    assert [bool(row["val_accuracy"]) for row in history(run)] == [False, True]


def test_pictures_without_a_capsule_are_refused_before_anything_is_written(tmp_path, save_picture):
    samples = []
    for name, label in (("a.png", "good"), ("b.png", "crack")):
        save_picture(tmp_path / name, np.full((200, 200, 3), 255, np.uint8))
        samples.append(Sample(name, label, "", "train", None, "", 200, 200))
    data = DataSet(tmp_path, ("good", "crack"), tuple(samples), 0, "", "", "")
    settings = Settings(
        model=ModelSettings(roi=Roi("capsule", 96, 64, 80)), train=TrainSettings(drawn=0)
    )
    run = RunFolder(tmp_path / "run")
    with pytest.raises(DataError, match="No capsule is found on 2 of the 2 training pictures"):
        begin_training(settings, data, run, SILENT)
    assert not run.checkpoint.exists()


def test_patience_needs_a_validation_split(small_settings, few_pictures, tmp_path):
    settings = replace(small_settings, train=replace(small_settings.train, patience=1))
    samples = tuple(sample for sample in few_pictures.samples if sample.split != "val")
    data = replace(few_pictures, samples=samples)
    with pytest.raises(DataError, match=r"train\.patience.*data\.val above 0"):
        begin_training(settings, data, RunFolder(tmp_path), SILENT)


def test_a_new_network_is_the_first_checkpoint_and_a_checkpoint_is_gone_on_with(
    small_settings, few_pictures, tmp_path
):
    run = RunFolder(tmp_path)
    new = begin_training(small_settings, few_pictures, run, SILENT).network
    saved = load_network(run.checkpoint, compiled=True)
    changed = [weights + 1 for weights in saved.get_weights()]
    saved.set_weights(changed)
    saved.save(run.checkpoint)
    resumed = begin_training(small_settings, few_pictures, run, SILENT).network
    for fresh, mine, theirs in zip(new.get_weights(), resumed.get_weights(), changed, strict=True):
        assert np.array_equal(mine, theirs)
        assert mine == pytest.approx(fresh + 1)


def test_a_damaged_checkpoint_is_named(small_settings, few_pictures, tmp_path):
    run = RunFolder(tmp_path)
    run.checkpoint.write_bytes(b"no network")
    with pytest.raises(ModelFileError, match=r"checkpoint\.keras"):
        begin_training(small_settings, few_pictures, run, SILENT)


@pytest.mark.parametrize(("rate", "rounded"), [(0.0, True), (1e-3, False)])
def test_an_encoder_that_stays_as_it_is_is_rounded_as_int8_files_round(
    small_settings, few_pictures, tmp_path, rate, rounded
):
    train = replace(small_settings.train, encoder_learning_rate=rate)
    settings = replace(small_settings, train=train)
    network = begin_training(settings, few_pictures, RunFolder(tmp_path), SILENT).network
    kernel = network.get_layer("encoder_2").get_weights()[0]
    steps = 127 * kernel / np.abs(kernel).max(axis=(0, 1, 2))
    assert (np.abs(steps - np.round(steps)).max() < 1e-3) == rounded


def on_features(small_settings, cache: Path, **changes) -> Settings:
    """Settings of a run with a frozen encoder that stores features in a folder."""
    train = replace(small_settings.train, encoder_learning_rate=0.0, cache=str(cache), **changes)
    return replace(small_settings, train=train)


def files(cache: Path) -> dict[Path, int]:
    # A file that is written again is another file.
    return {path: path.stat().st_ino for path in cache.glob("*/*.features")}


def same_weights(one: RunFolder, other: RunFolder) -> bool:
    pairs = zip(weights_of(one), weights_of(other), strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def test_on_stored_features_it_learns(small_settings, few_pictures, tmp_path):
    settings = on_features(
        small_settings,
        tmp_path / "cache",
        epochs=12,
        steps=10,
        transplant=0.0,
        drawn=0,
        learning_rate=2e-2,
        label_smoothing=0.0,
        validate_every=20,
    )
    run = new_run(tmp_path / "run")
    fit(settings, few_pictures, run, SILENT)
    losses = [float(row["loss"]) for row in history(run)]
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < 0.75 * losses[0]


def test_a_cold_a_warm_and_no_cache_give_the_same_network(small_settings, few_pictures, tmp_path):
    recorders, runs = [Recorder() for _ in range(3)], []
    for name, recorder in zip(("cold", "warm", "none"), recorders, strict=True):
        changes = {"cache_gb": 0.0} if name == "none" else {}
        settings = on_features(small_settings, tmp_path / "cache", **changes)
        runs.append(new_run(tmp_path / name))
        fit(settings, few_pictures, runs[-1], recorder)
        if name == "cold":
            before = files(tmp_path / "cache")
        elif name == "warm":
            assert files(tmp_path / "cache") == before
    assert 0 < len(before) <= 2 * 2 * 4
    assert recorders[0].units == ["views"]
    assert recorders[0].counted[-1] == ("Encoding", len(before), len(before))
    assert same_weights(runs[0], runs[1])
    assert same_weights(runs[0], runs[2])


def test_features_are_stored_once_and_the_steps_are_shown(small_settings, few_pictures, tmp_path):
    settings, recorder = on_features(small_settings, tmp_path / "cache"), Recorder()
    run, silent = new_run(tmp_path / "shown"), new_run(tmp_path / "silent")
    fit_and_show(settings, few_pictures, run, recorder)
    assert recorder.units == ["views", "steps"]
    assert recorder.counted[-1][1:] == (4, 4)  # two epochs of two steps
    fit(settings, few_pictures, silent, SILENT)
    assert same_weights(run, silent)


def test_a_run_resumed_on_features_ends_with_the_same_network(
    small_settings, few_pictures, tmp_path
):
    settings = on_features(small_settings, tmp_path / "cache")
    whole, stopped = new_run(tmp_path / "whole"), new_run(tmp_path / "stopped")
    fit(settings, few_pictures, whole, SILENT)
    with pytest.raises(InterruptedRunError):
        fit(settings, few_pictures, stopped, SILENT, (StopAfter(1),))
    fit(settings, few_pictures, stopped, SILENT)
    assert same_weights(whole, stopped)


def test_a_finished_stage_stores_no_features_again(small_settings, few_pictures, tmp_path):
    settings = on_features(small_settings, tmp_path / "cache", frozen_epochs=1, epochs=1)
    settings = replace(settings, train=replace(settings.train, encoder_learning_rate=1e-2))
    run = new_run(tmp_path / "run")
    with pytest.raises(InterruptedRunError):
        fit(settings, few_pictures, run, SILENT, (StopAfter(1),))
    before = files(tmp_path / "cache")
    assert before
    recorder = Recorder()
    fit(settings, few_pictures, run, recorder)
    assert recorder.units == []
    assert files(tmp_path / "cache") == before
