from dataclasses import replace
from zipfile import ZipFile

import keras
import numpy as np
import pytest

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.files import hash_file
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
    run.decision.unlink()
    with pytest.raises(DataError, match=r"decision\.json"):
        load_trained(run.path)


@pytest.mark.parametrize("damage", ["half", "a bit", "empty"])
def test_a_damaged_network_is_called_damaged(run, damage):
    content = bytearray(run.model.read_bytes())
    content[len(content) // 2] ^= 16
    run.model.write_bytes({"half": content[: len(content) // 2], "a bit": content}.get(damage, b""))
    with pytest.raises(ModelFileError, match=r"model\.keras' is damaged, or is no Keras file"):
        load_trained(run.path)


def test_a_whole_archive_that_keras_cannot_read_is_refused(run):
    with ZipFile(run.model, "w") as archive:
        archive.writestr("metadata.json", "{}")
    with pytest.raises(ModelFileError, match=r"model\.keras' cannot be loaded as a Keras model"):
        load_trained(run.path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"classes": ("good", "crack", "chip")},
            "a window of 8 x 8 px and 2 classes, and the rule is for .* 3 classes",
        ),
        (
            {"roi": Roi("whole", 16, 8, 8)},
            "a window of 8 x 8 px and 2 classes, and the rule is for a window of 16 x 8 px",
        ),
        ({"network_sha256": "0f" * 32}, r"is not of the network '.*model\.keras'\. Put"),
    ],
)
def test_the_decision_of_another_network_is_refused(run, changes, found):
    write_decision(run.decision, replace(RULE, **changes))
    with pytest.raises(DataError, match=found):
        load_trained(run.path)


def test_a_network_of_another_project_is_refused(run):
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()]).save(run.model)
    with pytest.raises(DataError, match="a window of 8 x 8 px and no output `logits`"):
        load_trained(run.path)


def test_a_network_with_its_own_decision_is_loaded(run):
    known = replace(RULE, network_sha256=hash_file(run.model))
    write_decision(run.decision, known)
    assert load_trained(run.path).rule == known


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
    with pytest.raises(ModelFileError, match=r"network\.keras' is damaged, or is no Keras file"):
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
