import keras
import numpy as np
import pytest

from capsule_inspect.model.encoders.encoder import PREFIX, round_kernels, set_encoder_trainable


def test_the_encoder_alone_freezes_and_thaws_but_for_its_norms():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3, name=f"{PREFIX}conv")(image)
    x = keras.layers.BatchNormalization(trainable=False, name=f"{PREFIX}norm")(x)
    x = keras.layers.BatchNormalization(name="decoder_norm")(x)
    network = keras.Model(image, keras.layers.Conv2D(1, 1, name="decoder")(x))

    def trained() -> set[str]:
        return {variable.path.split("/")[0] for variable in network.trainable_variables}

    before = network.get_weights()
    set_encoder_trainable(network, False)
    assert trained() == {"decoder", "decoder_norm"}
    set_encoder_trainable(network, True)
    assert trained() == {f"{PREFIX}conv", "decoder", "decoder_norm"}
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


WINDOWS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)


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
    round_kernels(network, WINDOWS)
    after = channels(layer)
    largest = np.abs(before).max(axis=1, keepdims=True)
    assert np.abs(after).max(axis=1, keepdims=True) == pytest.approx(largest, rel=1e-6)
    places = after / (largest / 127)
    assert places == pytest.approx(np.round(places), abs=1e-3)
    assert (np.abs(after - before) <= largest / 254 * (1 + 1e-5)).all()
    assert np.abs(after - before).max() > 0


def test_the_decoder_is_left_alone_and_a_second_time_changes_nothing(network):
    kept = network.get_layer("decoder_conv").get_weights()
    round_kernels(network, WINDOWS)
    once = network.get_weights()
    round_kernels(network, WINDOWS)
    for a, b in zip(once, network.get_weights(), strict=True):
        assert a == pytest.approx(b, abs=1e-4)
    for a, b in zip(kept, network.get_layer("decoder_conv").get_weights(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", ["encoder_conv", "encoder_norm"])
def test_what_follows_keeps_the_means_it_had(network, name):
    # A norm that enlarges small differences, as some of the pretrained ones do.
    norm = network.get_layer("encoder_norm")
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta, mean, np.full_like(variance, 1e-2)])
    probe = keras.Model(network.input, network.get_layer(name).output)

    def means() -> np.ndarray:
        return np.asarray(probe(WINDOWS)).mean(axis=(0, 1, 2))

    before = means()
    round_kernels(network, WINDOWS)
    assert means() == pytest.approx(before, rel=1e-4, abs=1e-2)


def test_a_channel_of_zeros_stays_one(network):
    layer = network.get_layer("encoder_conv")
    kernel, bias = layer.get_weights()
    kernel[..., 1] = 0
    layer.set_weights([kernel, bias])
    round_kernels(network, WINDOWS)
    assert not layer.get_weights()[0][..., 1].any()
