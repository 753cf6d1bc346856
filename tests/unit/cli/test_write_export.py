from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="export-tflite needs the train extra")

from capsule_inspect.cli.write_export import write_export
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.errors import ModelFileError
from capsule_inspect.export.converted import Converted
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.interpreter import Interpreter
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.export_settings import ExportSettings
from capsule_inspect.training.decision import DecisionRule
from capsule_inspect.training.load_trained import TrainedModel

POINT = OperatingPoint(1.0, 0.5, 0.5, "the tests")
CLASSES = ("good", "crack", "scratch")


class TakesAllForGood:
    """A network, of which the small model file differs."""

    def predict_on_batch(self, images):
        return {"logits": np.tile([2.0, -2.0, -2.0], (len(images), 1))}


@pytest.fixture
def data(tmp_path: Path, paint) -> DataSet:
    """A picture of each class, to test on."""
    samples = []
    for label in CLASSES:
        paint(tmp_path / f"{label}.png", label)
        samples.append(Sample(f"{label}.png", label, "", "test", None, label, 96, 32))
    return DataSet(tmp_path, CLASSES, tuple(samples), 0, "", "", "")


@pytest.fixture
def converted(data, tiny_model) -> Converted:
    bundle = read_bundle(tiny_model)
    rule = DecisionRule(CLASSES, bundle.metadata.roi, POINT, data.training_sha256, "none")
    model = TrainedModel(TakesAllForGood(), rule)
    return Converted(model, data.root / "model.tflite", bundle, Interpreter(bundle))


def test_what_is_forced_is_written_and_complained_of(data, converted, capfd):
    write_export(converted, data, POINT, ExportSettings(), force=True)
    said = capfd.readouterr()
    assert "3 pictures, network against" in said.out
    assert "33.33%" in said.out  # only the good one is labelled alike
    assert "Measured on the test split, unseen in training: 3 pictures" in said.out
    assert "Written all the same (--force)." in said.err
    assert f"Wrote {converted.out} (" in said.err
    assert converted.out.is_file()


def test_what_is_not_forced_is_refused(data, converted, capfd):
    with pytest.raises(ModelFileError, match=r"33\.3% of 3 pictures"):
        write_export(converted, data, POINT, ExportSettings(), force=False)
    assert capfd.readouterr().out == ""
    assert not converted.out.exists()
