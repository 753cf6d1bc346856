import keras
import numpy as np

from capsule_inspect.training.callbacks.save_checkpoint import SaveCheckpoint
from capsule_inspect.training.network_file import load_network


def test_it_saves_network_and_optimizer(tmp_path):
    image = keras.Input((2,))
    network = keras.Model(image, keras.layers.Dense(1)(image))
    network.compile("adam", "mse")
    callback = SaveCheckpoint(tmp_path / "checkpoint.keras")
    callback.set_model(network)
    for step in (1, 2):
        network.train_on_batch(np.ones((3, 2)), np.zeros((3, 1)))
        callback.on_epoch_end(step - 1)
        loaded = load_network(tmp_path / "checkpoint.keras", compiled=True)
        assert int(loaded.optimizer.iterations) == step
    for mine, theirs in zip(network.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
