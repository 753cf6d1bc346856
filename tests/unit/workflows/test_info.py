import hashlib

import pytest

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.errors import MissingExtraError, UsageError
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.workflows import info as workflow
from capsule_inspect.workflows.info import info


def test_a_model_file_is_described_and_executed(tiny_model):
    found = info(str(tiny_model))
    assert found.file == str(tiny_model)
    assert found.size == tiny_model.stat().st_size
    assert found.sha256 == hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert found.runtime.startswith("ai-edge-litert ")
    assert found.problem is None
    assert found.metadata == read_bundle(tiny_model).metadata


def test_the_shipped_model_is_meant_by_default():
    assert info().file == str(SHIPPED_MODEL)


def test_a_runtime_that_is_missing_is_a_fact_and_no_error(tiny_model, monkeypatch):
    def refuse(_):
        raise MissingExtraError("No runtime is installed.")

    monkeypatch.setattr(workflow, "Interpreter", refuse)
    found = info(tiny_model)
    assert (found.runtime, found.problem) == (None, "No runtime is installed.")


@pytest.mark.parametrize("name", ["run", "model.keras"])
def test_what_is_no_model_file_yet_is_refused_with_what_to_do(tmp_path, name):
    (tmp_path / "run").mkdir()
    with pytest.raises(UsageError, match=f"export-tflite {tmp_path / name} -o model.tflite"):
        info(tmp_path / name)
