from types import SimpleNamespace

import keras
import numpy as np

from capsule_inspect.training.callbacks.seed_epoch import SeedEpoch


def network() -> keras.Model:
    image = keras.Input((100,))
    x = keras.layers.Dropout(0.0)(image)
    return keras.Model(image, keras.layers.Dropout(0.5)(x))


def test_an_epoch_drops_the_same_whatever_came_before_it():
    model, batches = network(), SimpleNamespace(epoch=None)
    callback = SeedEpoch(batches, seed=3)
    callback.set_model(model)

    def dropped(epoch: int) -> np.ndarray:
        callback.on_epoch_begin(epoch)
        assert batches.epoch == epoch
        return np.array(model(np.ones((1, 100), np.float32), training=True)) == 0

    second, third = dropped(1), dropped(2)
    assert np.array_equal(dropped(1), second)
    assert not np.array_equal(second, third)
    assert 20 < second.sum() < 80
