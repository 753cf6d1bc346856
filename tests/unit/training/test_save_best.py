import keras
import numpy as np
import pytest

from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.network_file import load_network
from capsule_inspect.training.save_best import save_best


@pytest.fixture
def network() -> keras.Model:
    image = keras.Input((2,))
    made = keras.Model(image, keras.layers.Dense(1, kernel_initializer="ones")(image))
    made.compile("adam", "mse")
    return made


def test_the_first_is_saved_as_it_is_without_the_optimizer(network, tmp_path):
    save_best(network, {"accuracy": 0.0}, RunFolder(tmp_path))
    loaded = load_network(tmp_path / "best.keras", compiled=True)
    assert loaded.get_weights()[0] == pytest.approx(np.full((2, 1), 1.0))
    assert not loaded.compiled
    assert network.get_weights()[0] == pytest.approx(np.ones((2, 1)))


@pytest.mark.parametrize(
    ("metrics", "saved"),
    [
        ({"accuracy": 0.7, "dice": 0.5}, False),
        ({"accuracy": 0.7, "dice": 0.6}, True),
    ],
)
def test_only_what_is_better_than_all_before_is_saved(network, tmp_path, metrics, saved):
    (tmp_path / "history.csv").write_text(
        "epoch,loss,val_accuracy,val_dice\n1,2.0,0.8,0.4\n2,2.0,0.2,0.2\n3,2.0,,\n"
    )
    save_best(network, metrics, RunFolder(tmp_path))
    assert (tmp_path / "best.keras").exists() == saved
