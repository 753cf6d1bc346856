"""The examples of a run: which are stored, where, and what happens when they cannot be."""

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from recorder import Recorder

from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.errors import ConfigError
from capsule_inspect.model.network import build_network
from capsule_inspect.reporter import SILENT
from capsule_inspect.training.examples import Examples, default_cache_folder, digest_encoder


@pytest.fixture
def frozen(small_settings, tmp_path):
    train = replace(small_settings.train, encoder_learning_rate=0.0, cache=str(tmp_path / "cache"))
    return replace(small_settings, train=train)


def network_of(settings, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return build_network(settings.model, 3)


def stored(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.features"))


def test_all_views_of_a_run_are_stored_and_no_other(frozen, few_pictures, tmp_path):
    recorder = Recorder()
    batches = Examples(frozen, few_pictures).of_features(network_of(frozen), range(2), recorder)
    files = stored(tmp_path / "cache")
    assert recorder.counted[-1] == ("Encoding", len(files), len(files))
    for path in files:
        path.touch()
    used = set()
    for epoch in range(2):
        batches.epoch = epoch
        for index in range(2):
            levels, targets = batches[index]
            # Strides 4 to 32 of a window of 96 x 64.
            shapes = [(4, 16, 24, 6), (4, 8, 12, 6), (4, 4, 6, 6), (4, 2, 3, 6)]
            assert [level.shape for level in levels] == shapes
            assert targets["mask_logits"].shape == (4, 16, 24, 3)
            used |= {level.tobytes() for level in levels[0]}
    assert len(used) == len(files)
    assert stored(tmp_path / "cache") == files


def test_windows_and_features_of_a_run_are_its_own(frozen, few_pictures):
    examples = Examples(frozen, few_pictures)
    batches = examples.of_images(network_of(frozen))
    images, _ = batches[0]
    assert (images.shape, images.dtype) == ((4, 64, 96, 3), np.uint8)
    batches.epoch = 1
    later, _ = batches[0]
    assert not np.array_equal(images, later)


@pytest.mark.slow
def test_another_encoder_or_another_variation_has_its_own_files(frozen, few_pictures, tmp_path):
    def fill(settings, seed=0):
        Examples(settings, few_pictures).of_features(network_of(settings, seed), range(1), SILENT)
        return len({path.parent for path in stored(tmp_path / "cache")})

    assert fill(frozen) == 1
    assert fill(frozen) == 1
    assert fill(frozen, seed=1) == 2
    turned = replace(frozen.train.augment, rotate=1.0)
    assert fill(replace(frozen, train=replace(frozen.train, augment=turned))) == 3
    # The seed chooses views, but does not change them.
    assert fill(replace(frozen, train=replace(frozen.train, seed=5))) == 3


def test_the_digest_is_of_the_encoder_alone(frozen):
    network = network_of(frozen)
    before = digest_encoder(network)
    for layer in network.layers:
        if not layer.name.startswith("encoder_"):
            layer.set_weights([w + 1 for w in layer.get_weights()])
    assert digest_encoder(network) == before
    layer = network.get_layer("encoder_32")
    layer.set_weights([w + 1 for w in layer.get_weights()])
    assert digest_encoder(network) != before


def test_plain_windows_are_the_same_for_all_data_sets(frozen, few_pictures):
    classes = (*few_pictures.classes, *(set(DEFECTS) - set(few_pictures.classes)))
    half = replace(few_pictures, samples=few_pictures.samples[1:], classes=classes)
    one, other = (Examples(frozen, data).plain_windows(6) for data in (few_pictures, half))
    assert one.shape[1:] == (64, 96, 3)
    assert np.array_equal(one, other)


def test_stored_features_follow_the_cache_folder_of_the_user(monkeypatch, tmp_path, own_cache):
    assert default_cache_folder() == own_cache / "capsule-inspect" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_cache_folder() == tmp_path / ".cache" / "capsule-inspect" / "features"


def test_without_a_setting_they_lie_there(frozen, few_pictures, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    settings = replace(frozen, train=replace(frozen.train, cache=""))
    Examples(settings, few_pictures).of_features(network_of(settings), range(1), SILENT)
    assert stored(tmp_path / "mine/capsule-inspect/features")


def test_a_folder_that_cannot_be_written_is_named(frozen, few_pictures, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match=rf"'{tmp_path / 'cache'}' \(.*Set train\.cache"):
        Examples(frozen, few_pictures).of_features(network_of(frozen), range(1), SILENT)


def test_a_full_disk_is_named(frozen, few_pictures, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("capsule_inspect.training.feature_cache.write_bytes", full)
    with pytest.raises(ConfigError, match=r"No space left on device\).*train\.cache_gb to less"):
        Examples(frozen, few_pictures).of_features(network_of(frozen), range(1), SILENT)


def test_what_does_not_fit_is_told(frozen, few_pictures):
    recorder = Recorder()
    small = replace(frozen, train=replace(frozen.train, cache_gb=20e-6))
    Examples(small, few_pictures).of_features(network_of(small), range(1), recorder)
    (warned,) = recorder.warned
    found = re.match(
        r"There is room for (\d+) of the (\d+) views .* train\.cache_gb to (\d+)\.", warned
    )
    assert found, warned
    room, views, wanted = map(int, found.groups())
    assert 0 < room < views
    assert wanted == 1
    _, done, total = recorder.counted[-1]
    assert (done, total) == (room, room)


def test_without_a_home_the_setting_is_named(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigError, match=r"Set train\.cache"):
        default_cache_folder()


def test_train_ends_with_2_where_features_cannot_be_stored(
    frozen, invoke, dataset_folder, tmp_path
):
    del frozen  # makes the encoder small
    (tmp_path / "cache").write_text("a file where the folder should be")
    done = invoke(
        *("train", "-o", tmp_path / "run", "--data", dataset_folder),
        *("train.epochs=1", "train.steps=1", "train.batch_size=2", "train.drawn=0"),
        *("model.roi.width=96", "model.roi.height=64", "model.roi.capsule_length=86"),
        f"train.cache={tmp_path / 'cache'}",
    )
    assert done.exit_code == 2
    assert "The features cannot be stored in" in done.err
    assert "Traceback" not in done.err
