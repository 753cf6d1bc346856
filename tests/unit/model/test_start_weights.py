import keras
import numpy as np
import pytest

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.start_weights import start_from


def network(classes: int, units: int = 3) -> keras.Model:
    image = keras.Input((4,), name="image")
    hidden = keras.layers.Dense(units, name="hidden")(image)
    return keras.Model(image, {"logits": keras.layers.Dense(classes, name="logits")(hidden)})


def refuse(sentence: str) -> None:
    pytest.fail(f"nothing is to be said, but: {sentence}")


@pytest.fixture
def run(tmp_path):
    """A run of two classes, and its network."""
    trained = network(2)
    trained.save(tmp_path / "model.keras")
    return tmp_path, trained


@pytest.mark.parametrize("as_file", [True, False])
def test_all_layers_of_a_network_of_the_same_form_are_taken(run, as_file):
    folder, trained = run
    new = network(2)
    start_from(new, str(folder / "model.keras" if as_file else folder), refuse)
    for mine, theirs in zip(new.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_of_a_network_of_fewer_classes_what_fits_is_taken_and_the_rest_is_told(run):
    folder, trained = run
    new, said = network(3), []
    before = new.get_layer("logits").get_weights()
    start_from(new, str(folder), said.append)
    np.testing.assert_array_equal(
        new.get_layer("hidden").get_weights()[0], trained.get_layer("hidden").get_weights()[0]
    )
    np.testing.assert_array_equal(new.get_layer("logits").get_weights()[0], before[0])
    (sentence,) = said
    assert sentence == (
        f"Starting from 1 layer of '{folder / 'model.keras'}'. The rest does not fit, as with "
        "other classes, and starts anew: logits."
    )


def test_a_network_with_nothing_in_common_is_refused(run):
    with pytest.raises(ConfigError, match=r"has no layer in common with this one\. Set model"):
        start_from(network(3, units=9), str(run[0]), refuse)


@pytest.mark.parametrize("name", ["model.keras", "mine.weights.h5"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="cannot be loaded") as caught:
        start_from(network(2), str(tmp_path / name), refuse)
    assert "\n" not in str(caught.value)


def test_weights_of_another_form_are_refused_in_one_line(tmp_path):
    network(2).save_weights(tmp_path / "mine.weights.h5")
    with pytest.raises(ConfigError, match="cannot be loaded") as caught:
        start_from(network(3), str(tmp_path / "mine.weights.h5"), refuse)
    assert "\n" not in str(caught.value)


def test_what_does_not_exist_is_named(tmp_path):
    with pytest.raises(ConfigError, match="do not exist"):
        start_from(network(2), str(tmp_path / "nowhere"), refuse)
