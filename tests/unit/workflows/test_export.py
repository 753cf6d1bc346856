import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.cli.console import Terminal
from capsule_inspect.cli.export_tflite import show_file
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError, ModelFileError, UsageError
from capsule_inspect.export.convert import Converted
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Interpreter
from capsule_inspect.settings.groups import ExportSettings, Settings, ThresholdSettings
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.saved import TrainedModel
from capsule_inspect.workflows.export import export_network, write_export

pytest.importorskip("tensorflow", reason="export-tflite needs the train extra")


POINT = OperatingPoint(1.0, 0.5, 0.5, "the tests")


@pytest.fixture
def run(tmp_path):
    """The folder of a run, of which no more than the decision is there."""
    folder = tmp_path / "run"
    folder.mkdir()
    rule = DecisionRule(("good", "crack"), Roi("whole", 48, 16, 42), POINT, "ab" * 32, "none")
    write_decision(folder / "decision.json", rule)
    (folder / "config.yaml").write_text(to_yaml(Settings()))
    return folder


@pytest.fixture
def measured(tmp_path):
    """The folder of a cross-validation of other pictures."""
    folder = tmp_path / "measured"
    folder.mkdir()
    document = {"operating_point": asdict(POINT), "metrics": [], "measured_on": "two pictures"}
    (folder / "metrics.json").write_text(json.dumps(document | {"pictures_sha256": "cd" * 32}))
    (folder / "config.yaml").write_text(to_yaml(Settings()))
    return folder


@pytest.mark.parametrize(
    ("threshold", "error", "message"),
    [
        (ThresholdSettings(), DataError, "not trained on all pictures of the cross-validation"),
        (ThresholdSettings(policy="best_f1"), UsageError, r"Leave threshold\.policy away"),
    ],
)
def test_a_cross_validation_must_vouch_for_the_network_by_a_point_of_its_own(
    run, measured, threshold, error, message
):
    data = DataSet(run, ("good", "crack"), (), 0, "", "", "")
    settings = Settings(export=ExportSettings(cross_validation=str(measured)), threshold=threshold)
    with pytest.raises(error, match=message):
        export_network(run, None, data, settings, force=False)
    assert not (run / "model.tflite").exists()


pytest.importorskip("tensorflow", reason="export-tflite needs the train extra")


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
    exported = write_export(converted, data, POINT, ExportSettings(), force=True)
    assert capfd.readouterr().out == ""
    show_file(Terminal(), exported)
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
