import keras
import numpy as np
import pytest

from capsule_inspect.training.averaged_weights import averaged_weights

MOMENTUM = 0.8


def values(variables) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def batches(count: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def trained() -> tuple[keras.Model, list[list[np.ndarray]]]:
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 128, offset=-1)(image)
    x = keras.layers.Conv2D(5, 3, name="conv")(x)
    x = keras.layers.BatchNormalization(name="frozen", trainable=False)(x)
    x = keras.layers.BatchNormalization(name="norm", momentum=0.95)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    network = keras.Model(image, keras.layers.Dense(2)(x))
    network.compile(
        optimizer=keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=MOMENTUM), loss="mse"
    )
    random, steps = np.random.default_rng(1), []
    for batch in batches(6, seed=9):  # `fit` would end with the average in place
        network.train_on_batch(batch, random.normal(size=(len(batch), 2)))
        steps.append(values(network.trainable_variables))
    return network, steps


def test_the_average_is_swapped_in_and_the_live_weights_come_back_exactly(trained):
    network, steps = trained
    # The average starts at the first step's weights.
    expected = steps[0]
    for step in steps[1:]:
        expected = [
            MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(expected, step, strict=True)
        ]
    live, everything = values(network.trainable_variables), values(network.weights)
    with averaged_weights(network, batches(3)):
        inside = values(network.trainable_variables)
        for mine, theirs, start in zip(inside, expected, live, strict=True):
            assert mine == pytest.approx(theirs, abs=1e-5)
            assert not np.array_equal(mine, start)
    assert all(
        np.array_equal(a, b) for a, b in zip(values(network.weights), everything, strict=True)
    )


def test_norms_get_the_mean_over_the_batches(trained):
    network, _ = trained
    pictures = batches(5)
    norm = network.get_layer("norm")
    before = keras.Model(network.input, norm.input)
    with averaged_weights(network, pictures):
        seen = [keras.ops.convert_to_numpy(before(batch)).astype(np.float64) for batch in pictures]
        means = [x.mean(axis=(0, 1, 2)) for x in seen]
        variances = [x.var(axis=(0, 1, 2)) for x in seen]
        mean, variance = values([norm.moving_mean, norm.moving_variance])
        assert mean == pytest.approx(np.mean(means, axis=0), abs=1e-5)
        assert variance == pytest.approx(np.mean(variances, axis=0), rel=1e-4)
    assert norm.momentum == 0.95


def test_frozen_norms_keep_their_statistics(trained):
    network, _ = trained
    frozen = network.get_layer("frozen")
    before = values(frozen.weights)
    with averaged_weights(network, batches(3)):
        assert all(
            np.array_equal(a, b) for a, b in zip(before, values(frozen.weights), strict=True)
        )


def test_live_weights_come_back_after_a_failure_too(trained):
    network, _ = trained
    everything = values(network.weights)

    def interrupted() -> None:
        with averaged_weights(network, batches(2)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert all(
        np.array_equal(a, b) for a, b in zip(values(network.weights), everything, strict=True)
    )


def test_the_average_itself_is_not_changed_by_looking_at_it(trained):
    network, _ = trained
    seen = []
    for _ in range(2):
        with averaged_weights(network, batches(3)):
            seen.append(values(network.weights))
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))
