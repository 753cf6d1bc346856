import keras
import numpy as np
import pytest

from capsule_inspect.model.encoder import round_kernels


@pytest.fixture
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, use_bias=True, name="encoder_conv")(image)
    x = keras.layers.DepthwiseConv2D(3, use_bias=False, name="encoder_depthwise")(x)
    x = keras.layers.BatchNormalization(name="encoder_norm")(x)
    return keras.Model(image, keras.layers.Conv2D(2, 1, name="decoder_conv")(x))


def channels(layer: keras.layers.Layer) -> np.ndarray:
    """The kernel of each output channel as a row."""
    kernel = layer.get_weights()[0]
    depthwise = layer.name == "encoder_depthwise"
    return (kernel[..., 0] if depthwise else kernel).reshape(-1, 5).T


@pytest.mark.parametrize("name", ["encoder_conv", "encoder_depthwise"])
def test_each_channel_keeps_its_largest_value_and_moves_to_the_nearest_of_255_steps(network, name):
    layer = network.get_layer(name)
    before = channels(layer)
    round_kernels(network)
    after = channels(layer)
    largest = np.abs(before).max(axis=1, keepdims=True)
    assert np.abs(after).max(axis=1, keepdims=True) == pytest.approx(largest, rel=1e-6)
    places = after / (largest / 127)
    assert places == pytest.approx(np.round(places), abs=1e-3)
    assert (np.abs(after - before) <= largest / 254 * (1 + 1e-5)).all()
    assert np.abs(after - before).max() > 0


def test_only_kernels_of_the_encoder_are_rounded_and_only_once(network):
    kept = {
        "encoder_conv": network.get_layer("encoder_conv").get_weights()[1:],
        "encoder_norm": network.get_layer("encoder_norm").get_weights(),
        "decoder_conv": network.get_layer("decoder_conv").get_weights(),
    }
    round_kernels(network)
    once = network.get_weights()
    round_kernels(network)
    assert all(
        np.allclose(a, b, atol=1e-7) for a, b in zip(once, network.get_weights(), strict=True)
    )
    for name, weights in kept.items():
        now = network.get_layer(name).get_weights()[-len(weights) :]
        assert all(np.array_equal(a, b) for a, b in zip(weights, now, strict=True))


def test_a_channel_of_zeros_stays_one(network):
    layer = network.get_layer("encoder_conv")
    kernel, bias = layer.get_weights()
    kernel[..., 1] = 0
    layer.set_weights([kernel, bias])
    round_kernels(network)
    assert not layer.get_weights()[0][..., 1].any()
