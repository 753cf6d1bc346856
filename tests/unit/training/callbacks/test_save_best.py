from contextlib import contextmanager

import keras
import numpy as np
import pytest

from capsule_inspect.training.callbacks.save_best import SaveBest
from capsule_inspect.training.network_file import load_network


@pytest.fixture
def network() -> keras.Model:
    image = keras.Input((2,))
    made = keras.Model(image, keras.layers.Dense(1, kernel_initializer="ones")(image))
    made.compile("adam", "mse")
    return made


@pytest.fixture
def callback(network, tmp_path):
    (kernel, bias) = network.get_weights()

    @contextmanager
    def averaged():
        network.set_weights([kernel + 1, bias])
        yield
        network.set_weights([kernel, bias])

    made = SaveBest(tmp_path / "best.keras", tmp_path / "history.csv", averaged)
    made.set_model(network)
    return made


def test_the_averaged_weights_are_saved_without_the_optimizer(callback, tmp_path):
    callback.on_epoch_end(0, {"loss": 1.0, "val_accuracy": 0.0})
    loaded = load_network(tmp_path / "best.keras", compiled=True)
    assert loaded.get_weights()[0] == pytest.approx(np.full((2, 1), 2.0))
    assert not loaded.compiled
    assert callback.model.get_weights()[0] == pytest.approx(np.ones((2, 1)))


@pytest.mark.parametrize(
    ("logs", "saved"),
    [
        ({"loss": 1.0}, False),
        ({"val_accuracy": 0.7, "val_dice": 0.5}, False),
        ({"val_accuracy": 0.7, "val_dice": 0.6}, True),
    ],
)
def test_only_what_is_better_than_all_before_is_saved(callback, tmp_path, logs, saved):
    (tmp_path / "history.csv").write_text(
        "epoch,loss,val_accuracy,val_dice\n1,2.0,0.8,0.4\n2,2.0,0.2,0.2\n3,2.0,,\n"
    )
    callback.on_epoch_end(3, logs)
    assert (tmp_path / "best.keras").exists() == saved
