import keras
import numpy as np
import pytest

from capsule_inspect.model.decoder import build_decoder

CHANNELS = (3, 4, 5, 6, 7)


@pytest.fixture(scope="module")
def decoder() -> keras.Model:
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
    features = [keras.Input((64 // stride, 64 // stride, 2)) for stride in (2, 4, 8, 16, 32)]
    decoded = build_decoder(features, [4, 4])
    assert tuple(decoded.fine.shape[1:3]) == (8, 8)
