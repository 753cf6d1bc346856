import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from recorder import Recorder

from capsule_inspect.cli.console import Terminal
from capsule_inspect.cli.export_tflite import show_file, showing_refusals
from capsule_inspect.dataset.data_set import DataSet, write_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError, ModelFileError, UsageError
from capsule_inspect.exporting.convert import Converted
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Interpreter
from capsule_inspect.settings.groups import (
    ExportSettings,
    Settings,
    ThresholdSettings,
    TrainSettings,
)
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.network_files import TrainedModel
from capsule_inspect.workflows.export import export, export_network, write_export

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
    lines = [line.split() for line in said.out.splitlines()]
    # Only the good one is labelled alike.
    assert ["same", "label", "33.33%", "at", "least", "98.00%"] in lines
    assert "Measured on the test split, unseen in training: 3 pictures" in said.out
    assert "Written anyway (--force)." in said.err
    assert f"Wrote {converted.out} (" in said.err
    assert "Replaces" not in said.err
    assert converted.out.is_file()


def test_the_file_that_is_replaced_is_named(data, converted, capfd):
    converted.out.write_bytes(b"older")
    written = datetime(2026, 3, 29, 14, 5).astimezone()
    os.utime(converted.out, (written.timestamp(),) * 2)
    exported = write_export(converted, data, POINT, ExportSettings(), force=True)
    show_file(Terminal(), exported)
    sha256 = hashlib.sha256(b"older").hexdigest()
    said = " ".join(capfd.readouterr().err.split())
    assert f"Replaces the file of 2026-03-29 14:05, sha256 {sha256}. Wrote" in said
    assert read_bundle(converted.out).metadata.operating_point == POINT


def test_what_is_not_forced_is_refused(data, converted, capfd):
    with pytest.raises(ModelFileError, match=r"33\.3% of 3 pictures"):
        write_export(converted, data, POINT, ExportSettings(), force=False)
    assert capfd.readouterr().out == ""
    assert not converted.out.exists()


def test_the_comparison_that_refuses_a_file_is_shown_with_its_limits(data, converted, capfd):
    limits = ExportSettings(min_agreement=0.5)
    with pytest.raises(ModelFileError), showing_refusals(Terminal()):
        write_export(converted, data, POINT, limits, force=False)
    said = capfd.readouterr().out
    assert "3 pictures, network against" in said
    assert ["same", "label", "33.33%", "at", "least", "50.00%"] in map(str.split, said.splitlines())
    assert not converted.out.exists()


@pytest.fixture
def trained(small_settings, few_pictures, tmp_path):
    """The folder of a run whose network has random weights, and a data set folder of its own."""
    from capsule_inspect.model.network import build_network  # noqa: PLC0415  (imports Keras)
    from capsule_inspect.training.network_files import save_network  # noqa: PLC0415

    folder = tmp_path / "random"
    folder.mkdir()
    write_dataset(tmp_path / "data", few_pictures)
    network = build_network(small_settings.model, len(few_pictures.classes), with_mask=True)
    save_network(network, folder / "model.keras", compiled=False)
    rule = DecisionRule(
        few_pictures.classes,
        small_settings.model.roi,
        POINT,
        few_pictures.training_sha256,
        "none",
    )
    write_decision(folder / "decision.json", rule)
    return folder


def test_a_network_is_exported_beside_itself(trained, tmp_path, capfd):
    recorder, seen = Recorder(), []
    done = export(
        str(trained),
        str(tmp_path / "data"),
        force=True,
        overrides=["export=float32"],
        on_file=seen.append,
        reporter=recorder,
    )
    (exported,) = done.files
    assert seen == [exported]
    assert (exported.path, exported.size) == (
        trained / "model.tflite",
        (trained / "model.tflite").stat().st_size,
    )
    assert (done.data, done.study) == (tmp_path / "data", None)
    assert read_bundle(exported.path).metadata.quantization == "float32"
    assert recorder.said == ["Converting to float32."]
    totals = Counter((description, total) for description, _, total in recorder.counted)
    # 3 pictures to choose the threshold on, 12 to compare on, 6 of the training to describe.
    assert totals == {("Choosing", 3): 3, ("Comparing", 18): 18}
    assert capfd.readouterr() == ("", "")


def test_a_network_that_is_not_there_is_told_before_tensorflow_loads(few_pictures, tmp_path):
    write_dataset(tmp_path / "data", few_pictures)
    recorder = Recorder()
    with pytest.raises(ModelFileError, match=r"There is no model 'none\.keras'"):
        export("none.keras", tmp_path / "data", reporter=recorder)
    assert recorder.said == []


def test_the_runs_of_a_study_keep_their_files_beside_them(few_pictures, tmp_path):
    write_dataset(tmp_path / "data", few_pictures)
    study = tmp_path / "study"
    (study / "seed-0-fold-0").mkdir(parents=True)
    (study / "config.yaml").write_text(to_yaml(Settings(train=TrainSettings(folds=2))))
    with pytest.raises(UsageError, match="Leave --out away"):
        export(study, tmp_path / "data", out=tmp_path / "model.tflite")
    with pytest.raises(UsageError, match="are not finished"):
        export(study, tmp_path / "data")
