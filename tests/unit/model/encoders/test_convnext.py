import keras
import numpy as np
import pytest

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.encoders.convnext import ConvNeXtTiny
from capsule_inspect.model.encoders.encoder import PREFIX


def test_features_come_at_every_stride_from_4_to_32():
    image = keras.Input((64, 96, 3), dtype="uint8")
    features = ConvNeXtTiny().build(image)
    # The channels of Liu et al., table 9.
    assert [tuple(each.shape[1:]) for each in features] == [
        (16, 24, 96),
        (8, 12, 192),
        (4, 6, 384),
        (2, 3, 768),
    ]
    layers = keras.Model(image, features).layers
    assert all(layer.name.startswith(PREFIX) for layer in layers if layer.weights)


@pytest.mark.slow
def test_each_layer_takes_the_weights_of_its_namesake_in_kerass_own_network(monkeypatch):
    image = keras.Input((64, 96, 3), dtype="uint8")
    network = keras.Model(image, list(ConvNeXtTiny().build(image)))
    make, downloaded = keras.applications.ConvNeXtTiny, []

    def download(*, weights, **options):
        assert weights == "imagenet"
        downloaded.append(make(weights=None, **options))
        return downloaded[0]

    monkeypatch.setattr(keras.applications, "ConvNeXtTiny", download)
    for variable in network.weights:
        variable.assign(np.full(variable.shape, np.nan))
    ConvNeXtTiny().load_imagenet(network)
    # Both know their layers in the order they are applied, and Keras's ends in one norm more.
    theirs = downloaded[0].weights
    assert len(network.weights) == len(theirs) - 2
    for mine, other in zip(network.weights, theirs, strict=False):
        assert np.array_equal(mine, other)


def test_weights_that_cannot_be_downloaded_are_spoken_of(monkeypatch):
    def offline(**options):
        raise OSError(f"no route to the weights {options['weights']}")

    monkeypatch.setattr(keras.applications, "ConvNeXtTiny", offline)
    image = keras.Input((64, 96, 3), dtype="uint8")
    told = r"weights imagenet.*model\.weights=none.*model\.weights=RUN"
    with pytest.raises(ConfigError, match=told):
        ConvNeXtTiny().load_imagenet(keras.Model(image, image))
