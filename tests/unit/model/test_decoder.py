import keras
import numpy as np
import pytest

from capsule_inspect.model.decoder import build_decoder

CHANNELS = (3, 4, 5, 6, 7)


@pytest.fixture(scope="module")
def decoder() -> keras.Model:
    keras.utils.set_random_seed(0)
    features = [
        keras.Input((64 // stride, 96 // stride, channels))
        for stride, channels in zip((2, 4, 8, 16, 32), CHANNELS, strict=True)
    ]
    decoded = build_decoder(features, [12, 10, 9, 8])
    return keras.Model(features, {"fine": decoded.fine, "stride8": decoded.stride8})


def inputs(seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [
        random.normal(size=(1, 64 // stride, 96 // stride, channels)).astype(np.float32)
        for stride, channels in zip((2, 4, 8, 16, 32), CHANNELS, strict=True)
    ]


def test_shapes(decoder):
    assert tuple(decoder.output["fine"].shape[1:]) == (32, 48, 8)
    assert tuple(decoder.output["stride8"].shape[1:]) == (8, 12, 10)


def test_a_level_is_two_separable_convolutions_whose_depthwise_kernels_begin_wide(decoder):
    separable = [x for x in decoder.layers if isinstance(x, keras.layers.SeparableConv2D)]
    assert [layer.filters for layer in separable] == [12, 12, 10, 10, 9, 9, 8, 8]
    for layer in separable:
        largest = np.abs(layer.get_weights()[0]).max()
        assert 0.28 < largest <= 1 / 3  # one over the root of nine taps


def test_every_skip_reaches_the_finest_level_and_coarse_ones_alone_stride_8(decoder):
    start = {name: keras.ops.convert_to_numpy(value) for name, value in decoder(inputs(0)).items()}
    other = inputs(1)
    for level in range(5):
        changed = inputs(0)
        changed[level] = other[level]
        after = decoder(changed)
        assert not np.array_equal(start["fine"], keras.ops.convert_to_numpy(after["fine"]))
        same = np.array_equal(start["stride8"], keras.ops.convert_to_numpy(after["stride8"]))
        assert same == (level < 2)


def test_activations_stay_in_the_range_of_int8_friendly_relu6(decoder):
    large = [100 * values for values in inputs(2)]
    for value in decoder(large).values():
        assert float(np.min(value)) >= 0
        assert float(np.max(value)) <= 6


def test_a_level_per_filter():
    features = [keras.Input((64 // stride, 64 // stride, 2)) for stride in (8, 16, 32)]
    decoded = build_decoder(features, [5, 4])
    assert tuple(decoded.fine.shape[1:]) == (8, 8, 4)
    with pytest.raises(ValueError, match="zip"):
        build_decoder(features, [5])


def test_dropout_drops_whole_channels_in_training_alone():
    features = [keras.Input((64 // stride, 64 // stride, 3)) for stride in (8, 16, 32)]
    network = keras.Model(features, build_decoder(features, [40, 40], dropout=0.5).fine)
    random = np.random.default_rng(0)
    given = [random.normal(size=(1, 64 // s, 64 // s, 3)).astype(np.float32) for s in (8, 16, 32)]
    used, trained = (
        keras.ops.convert_to_numpy(network(given, training=training)[0])
        for training in (False, True)
    )
    alive, dropped = ((used != 0).any(axis=(0, 1)), (trained == 0).all(axis=(0, 1)))
    assert alive.sum() >= 35  # of 40; a few happen to be below zero everywhere
    assert 8 <= (alive & dropped).sum() <= 32  # each with probability 1/2
