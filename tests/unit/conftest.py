"""Fixtures for several rooms: a network that trains in seconds, and a pretended extra."""

import importlib.util
from dataclasses import replace

import pytest

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import ModelSettings, Settings, TrainSettings


class SmallEncoder:
    """Five convolutions in the place of a pretrained encoder."""

    def build(self, image):
        from keras import layers  # noqa: PLC0415  (not there without the extra)

        x = layers.Rescaling(1 / 128, offset=-1)(image)
        features = []
        for stride in (2, 4, 8, 16, 32):
            x = layers.Conv2D(6, 3, 2, padding="same", activation="relu", name=f"encoder_{stride}")(
                x
            )
            features.append(x)
        return tuple(features)

    def load_imagenet(self, network):
        del network  # its random weights have to do


@pytest.fixture
def small_encoder() -> type[SmallEncoder]:
    """What makes the encoder of `small_settings`."""
    return SmallEncoder


@pytest.fixture
def small_settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a run of two epochs, with an encoder of five layers that stays as it is.

    The head is the one of the fewest layers: nearly all the time of such a run goes to tracing.
    """
    monkeypatch.setattr("capsule_inspect.model.network.get_encoder", lambda _: SmallEncoder())
    return Settings(
        model=ModelSettings(
            encoder="small",
            roi=Roi("capsule", 96, 64, 86),
            head="mask_pooling",
            decoder_filters=[4, 4],
            head_units=[4],
        ),
        train=TrainSettings(epochs=2, steps=2, batch_size=4, drawn=4, validate_every=1),
    )


@pytest.fixture(scope="session")
def few_pictures(dataset_folder) -> DataSet:
    """Four pictures of each of three classes: two to train on, one to validate and one to test."""
    data = read_dataset(dataset_folder)
    classes, counts, samples = ("good", "crack", "poke"), {}, []
    for sample in data.samples:
        number = counts[sample.label] = counts.get(sample.label, -1) + 1
        if sample.label in classes and number < 4:
            samples.append(replace(sample, split=("train", "train", "val", "test")[number]))
    return replace(data, classes=classes, samples=tuple(samples))


@pytest.fixture
def with_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the packages of the extra were installed, for what is said before they load."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
