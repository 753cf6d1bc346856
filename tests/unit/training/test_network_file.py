import keras
import numpy as np
import pytest

from capsule_inspect.errors import ModelFileError
from capsule_inspect.training.network_file import load_network, save_network


@pytest.fixture
def network() -> keras.Model:
    image = keras.Input((2,), name="image")
    made = keras.Model(image, {"logits": keras.layers.Dense(1)(image)}, name="inspector")
    made.compile("adam", {"logits": "mse"})
    made.train_on_batch(np.ones((3, 2)), {"logits": np.zeros((3, 1))})
    return made


@pytest.mark.parametrize("compiled", [True, False])
def test_a_network_is_loaded_as_it_was_saved(network, tmp_path, compiled):
    file = tmp_path / "network.keras"
    save_network(network, file, compiled)
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    loaded = load_network(file, compiled=True)
    assert loaded.compiled == compiled
    assert loaded.name == "inspector"
    given = np.ones((1, 2), np.float32)
    mine, theirs = (each.predict_on_batch(given)["logits"] for each in (network, loaded))
    assert np.array_equal(mine, theirs)


def test_a_file_that_is_no_network_is_named(tmp_path):
    file = tmp_path / "network.keras"
    file.write_bytes(b"no network")
    with pytest.raises(ModelFileError, match=r"network\.keras' cannot be loaded"):
        load_network(file, compiled=False)
