from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_network import TINY, numpy_of

from capsule_inspect.model.network import as_it_learns, build_network, encoder_features
from capsule_inspect.training.encode import EncoderRunner

WINDOWS = np.random.default_rng(0).integers(0, 256, (6, 64, 96, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(replace(TINY, weights="imagenet"), 4)


@pytest.fixture(scope="module")
def runner(network) -> EncoderRunner:
    return EncoderRunner(network)


def test_it_computes_what_keras_does(network, runner):
    keras_features = keras.Model(network.input, list(encoder_features(network)))(WINDOWS)
    assert runner.shapes == tuple(tuple(level.shape[1:]) for level in keras_features)
    for number, window in enumerate(WINDOWS):
        for level, exact in zip(runner(window), keras_features, strict=True):
            expected = numpy_of(exact)[number]
            assert level.dtype == np.float32
            assert level == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))
            assert np.abs(expected).max() > 1


def test_decoder_and_heads_make_of_the_features_what_the_network_makes_of_the_window(
    network, runner
):
    levels = [np.stack(level) for level in zip(*map(runner, WINDOWS), strict=True)]
    found = as_it_learns(network, on_features=True)(levels, training=False)
    expected = network(WINDOWS, training=False)
    assert set(found) == {"logits", "mask_logits"}
    for name, values in found.items():
        assert numpy_of(values)[:, 0] == pytest.approx(numpy_of(expected[name]), abs=1e-3)


def test_threads_get_the_same_to_the_last_bit(runner):
    expected = [runner(window) for window in WINDOWS]
    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(runner, [*WINDOWS] * 4)):
            for mine, theirs in zip(found, expected[number % len(WINDOWS)], strict=True):
                assert np.array_equal(mine, theirs)
