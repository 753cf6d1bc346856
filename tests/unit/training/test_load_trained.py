import keras
import numpy as np
import pytest

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.load_trained import load_trained

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
