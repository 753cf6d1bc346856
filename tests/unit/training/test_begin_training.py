from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.model_settings import ModelSettings
from capsule_inspect.settings.settings import Settings
from capsule_inspect.settings.train_settings import TrainSettings
from capsule_inspect.training.begin_training import begin_training
from capsule_inspect.training.network_file import load_network
from capsule_inspect.training.watcher import Watcher

SILENT = Watcher(lambda _: None)


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
    with pytest.raises(DataError, match="must hold good pictures and defective ones"):
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
