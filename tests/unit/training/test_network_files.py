import keras
import numpy as np
import pytest

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.network_files import (
    load_network,
    load_trained,
    save_best,
    save_network,
)

RULE = DecisionRule(
    ("good", "crack"), Roi("whole", 8, 8, 8), OperatingPoint(1.0, 0.5, 0.5), "ab" * 32, "none"
)


@pytest.fixture
def run(tmp_path):
    """A network that finds a crack by the red of the first pixel."""
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    red = keras.layers.Rescaling(1.0)(keras.layers.Cropping2D(((0, 7), (0, 7)))(image))
    logits = keras.layers.Dense(
        2, kernel_initializer=keras.initializers.Constant([[0, 1], [0, 0], [0, 0]]), name="logits"
    )(keras.layers.Flatten()(red))
    folder = RunFolder(tmp_path)
    keras.Model(image, {"logits": logits}).save(folder.model)
    write_decision(folder.decision, RULE)
    return folder


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_run_folder_or_its_file_gives_an_inspector(run, what):
    trained = load_trained(run.path if what == "folder" else run.model)
    assert trained.rule == RULE
    picture = np.zeros((8, 8, 3), np.uint8)
    (good,) = trained.inspector.inspect(picture)
    assert good.decision.probabilities == pytest.approx([0.5, 0.5])
    picture[0, 0, 0] = 9
    (crack,) = trained.inspector.inspect(picture)
    assert crack.decision.label == "crack"
    assert crack.decision.probabilities[1] == pytest.approx(1 / (1 + np.exp(-9)))


def test_what_is_missing_or_damaged_is_named(run):
    with pytest.raises(ModelFileError, match=r"There is no model '.*other\.keras'"):
        load_trained(run.path / "other.keras")
    run.model.write_bytes(run.model.read_bytes()[:500])
    with pytest.raises(ModelFileError, match=r"model\.keras' cannot be loaded as a Keras model"):
        load_trained(run.path)
    run.decision.unlink()
    with pytest.raises(DataError, match=r"decision\.json"):
        load_trained(run.path)


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


@pytest.fixture
def small_network() -> keras.Model:
    image = keras.Input((2,))
    made = keras.Model(image, keras.layers.Dense(1, kernel_initializer="ones")(image))
    made.compile("adam", "mse")
    return made


def test_the_first_is_saved_as_it_is_without_the_optimizer(small_network, tmp_path):
    save_best(small_network, {"accuracy": 0.0}, RunFolder(tmp_path))
    loaded = load_network(tmp_path / "best.keras", compiled=True)
    assert loaded.get_weights()[0] == pytest.approx(np.full((2, 1), 1.0))
    assert not loaded.compiled
    assert small_network.get_weights()[0] == pytest.approx(np.ones((2, 1)))


@pytest.mark.parametrize(
    ("metrics", "saved"),
    [
        ({"accuracy": 0.7, "dice": 0.5}, False),
        ({"accuracy": 0.7, "dice": 0.6}, True),
    ],
)
def test_only_what_is_better_than_all_before_is_saved(small_network, tmp_path, metrics, saved):
    (tmp_path / "history.csv").write_text(
        "epoch,loss,val_accuracy,val_dice\n1,2.0,0.8,0.4\n2,2.0,0.2,0.2\n3,2.0,,\n"
    )
    save_best(small_network, metrics, RunFolder(tmp_path))
    assert (tmp_path / "best.keras").exists() == saved
