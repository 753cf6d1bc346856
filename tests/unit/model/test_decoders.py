from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_network import TINY, numpy_of

from capsule_inspect import choices
from capsule_inspect.model.decoders import DECODERS, subpixel, unet

CHANNELS = (3, 4, 5, 6, 7)


@pytest.fixture(scope="module")
def decoder() -> keras.Model:
    keras.utils.set_random_seed(0)
    features = [
        keras.Input((64 // stride, 96 // stride, channels))
        for stride, channels in zip((2, 4, 8, 16, 32), CHANNELS, strict=True)
    ]
    decoded = unet(features, replace(TINY, decoder_filters=[12, 10, 9, 8]), 3)
    fine = decoded.logits._keras_history.operation.input
    return keras.Model(features, {"fine": fine, "stride8": decoded.stride8})


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
    decoded = unet(features, replace(TINY, decoder_filters=[5, 4]), 3)
    assert tuple(decoded.logits.shape[1:]) == (8, 8, 3)
    with pytest.raises(ValueError, match="zip"):
        unet(features, replace(TINY, decoder_filters=[5, 4, 3]), 3)


def test_dropout_drops_whole_channels_in_training_alone():
    features = [keras.Input((64 // stride, 64 // stride, 3)) for stride in (8, 16, 32)]
    settings = replace(TINY, decoder_filters=[40, 40], decoder_dropout=0.5)
    network = keras.Model(features, unet(features, settings, 3).stride8)
    random = np.random.default_rng(0)
    given = [random.normal(size=(1, 64 // s, 64 // s, 3)).astype(np.float32) for s in (8, 16, 32)]
    used, trained = (
        keras.ops.convert_to_numpy(network(given, training=training)[0])
        for training in (False, True)
    )
    alive, dropped = ((used != 0).any(axis=(0, 1)), (trained == 0).all(axis=(0, 1)))
    assert alive.sum() >= 35  # of 40; a few happen to be below zero everywhere
    assert 8 <= (alive & dropped).sum() <= 32  # each with probability 1/2


@pytest.fixture(scope="module")
def pyramid() -> keras.Model:
    keras.utils.set_random_seed(0)
    features = [
        keras.Input((64 // stride, 96 // stride, channels))
        for stride, channels in zip((4, 8, 16, 32), CHANNELS[1:], strict=True)
    ]
    decoded = subpixel(features, replace(TINY, decoder_filters=[12, 10]), 3)
    return keras.Model(features, {"logits": decoded.logits, "stride8": decoded.stride8})


def test_subpixel_works_at_stride_8_and_predicts_at_stride_4(pyramid):
    assert tuple(pyramid.output["stride8"].shape[1:]) == (8, 12, 10)
    assert tuple(pyramid.output["logits"].shape[1:]) == (16, 24, 3)


def test_all_levels_reach_every_output_of_subpixel(pyramid):
    start = {name: numpy_of(value) for name, value in pyramid(inputs(0)[1:]).items()}
    for level in range(4):
        changed = inputs(0)[1:]
        changed[level] = inputs(1)[1:][level]
        for name, value in pyramid(changed).items():
            assert not np.array_equal(start[name], numpy_of(value)), (level, name)


def test_the_four_mask_pixels_of_a_place_differ(pyramid):
    logits = numpy_of(pyramid(inputs(0)[1:])["logits"])
    assert not np.allclose(logits[:, ::2, ::2], logits[:, 1::2, 1::2])


def test_every_decoder_can_be_chosen():
    assert tuple(DECODERS) == choices.DECODERS
