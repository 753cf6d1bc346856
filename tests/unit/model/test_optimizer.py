import keras
import numpy as np
import pytest
from tiny_network import numpy_of

from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.model.optimizer import EncoderAdamW


def variables() -> list:
    image = keras.Input((3,))
    x = keras.layers.Dense(4, name=f"{PREFIX}stem")(image)
    network = keras.Model(image, keras.layers.Dense(2, name="head")(x))
    return network.trainable_variables


def steps(optimizer, gradient: float, count: int = 1, trained=None) -> dict[str, np.ndarray]:
    """How far each variable moved, those of `variables` if not given."""
    trained = trained or variables()
    optimizer.build(trained)
    before = [numpy_of(variable) for variable in trained]
    for _ in range(count):
        gradients = [
            keras.ops.convert_to_tensor(np.full(v.shape, gradient, np.float32)) for v in trained
        ]
        optimizer.apply(gradients, trained)
    return {
        variable.path: numpy_of(variable) - start
        for variable, start in zip(trained, before, strict=True)
    }


@pytest.mark.parametrize("gradient", [0.5, -20.0])
def test_the_first_step_is_the_learning_rate_and_for_the_encoder_its_share_of_it(gradient):
    moved = steps(EncoderAdamW(encoder_factor=0.2, learning_rate=0.01), gradient)
    assert len(moved) == 4
    for path, move in moved.items():
        rate = 0.002 if path.startswith(PREFIX) else 0.01
        assert move == pytest.approx(-rate * np.sign(gradient), rel=1e-3), path


def test_with_a_factor_of_one_it_is_adamw():
    keras.utils.set_random_seed(0)
    mine = steps(EncoderAdamW(learning_rate=0.01, decay=0.4), 0.3, 3)
    keras.utils.set_random_seed(0)
    reference = keras.optimizers.AdamW(learning_rate=0.01, weight_decay=0.4)
    reference.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    theirs = steps(reference, 0.3, 3)
    for path, move in theirs.items():
        assert mine[path] == pytest.approx(move, rel=1e-5)


def test_a_restored_optimizer_still_spares_biases_from_decay():
    options = {"learning_rate": 0.01, "decay": 0.5}
    restored = EncoderAdamW.from_config(EncoderAdamW(**options).get_config())
    # The second step of Adam under a constant gradient is the rate again; decay would add to it.
    moved = steps(restored, -1.0, 2)
    biases = [move for path, move in moved.items() if path.endswith("bias")]
    assert biases
    for move in biases:
        assert move == pytest.approx(0.02, rel=1e-3)


class LayerScale(keras.layers.Layer):
    """A factor for each channel, as ConvNeXt has; its variable has no name to tell it by."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale


def test_decay_shrinks_kernels_and_spares_biases_norms_and_layer_scales():
    image = keras.Input((3,))
    x = keras.layers.Dense(4, name=f"{PREFIX}stem", bias_initializer="ones")(image)
    x = keras.layers.BatchNormalization(name="norm", beta_initializer="ones")(x)
    trained = keras.Model(image, LayerScale(name="block_layer_scale")(x)).trainable_variables
    start = {variable.path: numpy_of(variable) for variable in trained}
    # Of no gradient Adam makes no step.
    moved = steps(EncoderAdamW(learning_rate=0.01, decay=0.5), 0.0, trained=trained)
    assert len(moved) == 5
    for path, move in moved.items():
        share = 0.005 if path.endswith("kernel") else 0.0
        assert move == pytest.approx(-share * start[path], rel=1e-3), path


def test_a_schedule_is_followed():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.1, 0.001])
    moved = steps(EncoderAdamW(encoder_factor=0.5, learning_rate=schedule), 1, 2)
    # Adam's steps under a constant gradient are the rate: 0.1, then 0.001.
    assert moved["head/kernel"] == pytest.approx(-0.101, rel=1e-3)
    assert moved[f"{PREFIX}stem/kernel"] == pytest.approx(-0.0505, rel=1e-3)


def test_it_is_rebuilt_as_it_was():
    optimizer = EncoderAdamW(encoder_factor=0.2, first_epoch=7, learning_rate=0.01, use_ema=True)
    rebuilt = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(rebuilt, EncoderAdamW)
    assert (rebuilt.encoder_factor, rebuilt.first_epoch) == (0.2, 7)
    assert rebuilt.use_ema
    moved = steps(rebuilt, 1.0)
    assert moved["head/bias"] == pytest.approx(5 * moved[f"{PREFIX}stem/bias"][:2], rel=1e-3)
