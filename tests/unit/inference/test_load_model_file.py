import numpy as np
import pytest

from capsule_inspect.errors import ModelFileError
from capsule_inspect.inference import load_model_file as module
from capsule_inspect.inference.load_model_file import load_model_file
from capsule_inspect.modelfile.bundle import read_bundle


def test_the_file_says_how_it_inspects(tiny_model):
    loaded = load_model_file(tiny_model)
    meta = read_bundle(tiny_model).metadata
    inspector = loaded.inspector
    assert loaded.metadata == meta
    assert (inspector.classes, inspector.roi) == (meta.classes, meta.roi)
    assert inspector.point == meta.operating_point
    assert inspector.model_sha256 == meta.flatbuffer_sha256
    assert inspector.training_statistics is None
    assert loaded.runtime.split()[0] in {"ai-edge-litert", "tflite-runtime"}


def test_it_inspects(tiny_model):
    green = np.full((32, 96, 3), (0, 255, 0), np.uint8)
    (finding,) = load_model_file(tiny_model).inspector.inspect(green)
    assert finding.decision.label == "crack"


def test_the_model_that_ships_knows_its_training():
    inspector = load_model_file().inspector
    assert inspector.classes[0] == "good"
    assert inspector.training_statistics.ood_limit > 1


def test_an_incomplete_installation_is_told(tmp_path, monkeypatch):
    gone = tmp_path / "gone.tflite"
    monkeypatch.setattr(module, "SHIPPED_MODEL", gone)
    with pytest.raises(ModelFileError, match=r"ships with .* missing from .*Install the package"):
        load_model_file(gone)


def test_a_model_of_ones_own_that_is_missing_is_told(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.tflite' does not exist"):
        load_model_file(tmp_path / "none.tflite")
