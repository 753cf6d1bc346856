"""What a network has not seen it must not know, and the same must give the same."""

import csv
import shutil
from contextlib import nullcontext
from dataclasses import replace

import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.folds import leave_out
from capsule_inspect.dataset.read_dataset import read_dataset
from capsule_inspect.evaluation.cross_validation import Fitted, cross_validate
from capsule_inspect.evaluation.judge import judge
from capsule_inspect.evaluation.metrics import measure
from capsule_inspect.export.converted import convert_trained
from capsule_inspect.export.write_verified import write_verified
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.augment_settings import AugmentSettings
from capsule_inspect.settings.data_settings import DataSettings
from capsule_inspect.settings.export_settings import ExportSettings
from capsule_inspect.settings.model_settings import ModelSettings
from capsule_inspect.settings.settings import Settings
from capsule_inspect.settings.train_settings import TrainSettings
from capsule_inspect.training.fit import fit
from capsule_inspect.training.fit_members import fit_members
from capsule_inspect.training.load_trained import load_trained
from capsule_inspect.training.network_file import load_network
from capsule_inspect.training.study import make_study
from capsule_inspect.training.watcher import Watcher

pytestmark = pytest.mark.slow

# Nothing that keeps a network from learning its pictures by heart.
BY_HEART = Settings(
    data=DataSettings(val=0.15),
    model=ModelSettings(
        roi=Roi("capsule", 160, 64, 142),
        decoder_filters=[16, 16, 16, 16],
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
        augment=AugmentSettings(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
    ),
)

SILENT = Watcher(lambda _: None)


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
    assert fit_members(study, shuffled, lambda _: nullcontext(SILENT)) == ()
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
