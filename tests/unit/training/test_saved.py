import json
from pathlib import Path

import keras
import numpy as np
import pytest

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.imaging.crop import Roi
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.saved import (
    DecisionRule,
    find_model,
    load_network,
    load_trained,
    read_decision,
    save_best,
    save_network,
    write_decision,
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


def test_a_file_and_the_folder_of_its_run_name_the_same_network(tmp_path):
    file = tmp_path / "model.keras"
    file.touch()
    assert find_model(file) == find_model(tmp_path) == file


def test_a_network_that_is_not_there_is_named_with_the_one_that_was_meant(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "model.keras").touch()
    meant = tmp_path / "first"
    with pytest.raises(ModelFileError, match=rf"Did you mean '{meant}'\?"):
        find_model(tmp_path / "frist")
    with pytest.raises(ModelFileError, match=r"There is no model '.*model\.keras'\. Give"):
        find_model(tmp_path)


def test_a_converted_file_is_no_network(tmp_path):
    file = tmp_path / "model.tflite"
    file.touch()
    with pytest.raises(ModelFileError, match="is a converted file already"):
        find_model(file)


RULE_of_decision = DecisionRule(
    classes=("good", "crack", "poke"),
    roi=Roi("whole", 96, 64, 80),
    operating_point=OperatingPoint(1.5, 0.4, 0.35, "the tests"),
    training_data_sha256="0f" * 32,
    licence="CC-BY-NC-SA-4.0",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "decision.json"
    write_decision(path, RULE_of_decision)
    return path


def test_a_rule_comes_back_as_it_was_written(file):
    assert read_decision(file) == RULE_of_decision


def test_the_file_is_plain_json_that_always_comes_out_the_same(file, tmp_path):
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["operating_point"]["threshold"] == 0.4
    assert content["roi"] == {"mode": "whole", "width": 96, "height": 64, "capsule_length": 80}
    write_decision(tmp_path / "again.json", RULE_of_decision)
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


def test_a_missing_file_is_named_with_what_makes_it(tmp_path):
    with pytest.raises(DataError, match=r"decision\.json.*capsule-inspect train"):
        read_decision(tmp_path / "decision.json")


def test_a_folder_in_its_place_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_decision(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"[]", b"\xff", b'{"classes": ["good"]}'])
def test_other_content_is_refused_by_name(file, content):
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"decision\.json.*damaged"):
        read_decision(file)


def test_a_file_cut_anywhere_is_refused(file):
    content = file.read_bytes().rstrip()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(DataError, match="damaged"):
            read_decision(file)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("classes",), []),
        (("classes",), ["crack", "good"]),
        (("classes",), ["good", "good"]),
        (("classes",), "good"),
        (("roi", "mode"), "middle"),
        (("roi", "width"), 0),
        (("roi", "width"), 1.5),
        (("operating_point", "threshold"), 1.5),
        (("operating_point", "threshold"), "0.5"),
        (("operating_point", "temperature"), 0),
        (("operating_point", "mask_threshold"), -0.1),
        (("training_data_sha256",), "abc"),
        (("licence",), ""),
        (("extra",), 1),
    ],
)
def test_a_wrong_value_is_refused(file, place, value):
    content = json.loads(file.read_text(encoding="utf-8"))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=place[-1]):
        read_decision(file)


@pytest.fixture
def network_of_save_best() -> keras.Model:
    image = keras.Input((2,))
    made = keras.Model(image, keras.layers.Dense(1, kernel_initializer="ones")(image))
    made.compile("adam", "mse")
    return made


def test_the_first_is_saved_as_it_is_without_the_optimizer(network_of_save_best, tmp_path):
    save_best(network_of_save_best, {"accuracy": 0.0}, RunFolder(tmp_path))
    loaded = load_network(tmp_path / "best.keras", compiled=True)
    assert loaded.get_weights()[0] == pytest.approx(np.full((2, 1), 1.0))
    assert not loaded.compiled
    assert network_of_save_best.get_weights()[0] == pytest.approx(np.ones((2, 1)))


@pytest.mark.parametrize(
    ("metrics", "saved"),
    [
        ({"accuracy": 0.7, "dice": 0.5}, False),
        ({"accuracy": 0.7, "dice": 0.6}, True),
    ],
)
def test_only_what_is_better_than_all_before_is_saved(
    network_of_save_best, tmp_path, metrics, saved
):
    (tmp_path / "history.csv").write_text(
        "epoch,loss,val_accuracy,val_dice\n1,2.0,0.8,0.4\n2,2.0,0.2,0.2\n3,2.0,,\n"
    )
    save_best(network_of_save_best, metrics, RunFolder(tmp_path))
    assert (tmp_path / "best.keras").exists() == saved
