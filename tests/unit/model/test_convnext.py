import keras
import pytest

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.convnext import ConvNeXtTiny
from capsule_inspect.model.encoder import PREFIX


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


def test_weights_that_cannot_be_downloaded_are_spoken_of(monkeypatch):
    def offline(**_):
        raise OSError("no route to host")

    monkeypatch.setattr(keras.applications, "ConvNeXtTiny", offline)
    image = keras.Input((64, 96, 3), dtype="uint8")
    with pytest.raises(ConfigError, match=r"no route to host.*model\.weights=none"):
        ConvNeXtTiny().load_imagenet(keras.Model(image, image))
