import json
from dataclasses import asdict

import pytest

pytest.importorskip("tensorflow", reason="export-tflite needs the train extra")

from capsule_inspect.cli.export_network import export_network
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.as_yaml import to_yaml
from capsule_inspect.settings.export_settings import ExportSettings
from capsule_inspect.settings.settings import Settings
from capsule_inspect.settings.threshold_settings import ThresholdSettings
from capsule_inspect.training.decision import DecisionRule, write_decision

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
