import hashlib

import pytest

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.errors import MissingExtraError, ModelFileError, UsageError
from capsule_inspect.modelfile import runtime
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.runtime_check import RuntimeCheck
from capsule_inspect.workflows import info as workflow
from capsule_inspect.workflows.info import CheckResult, check, info


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
    with pytest.raises(UsageError, match="export-tflite"):
        check(tmp_path / name)


def test_a_check_asks_each_runtime_that_is_installed(tiny_model, monkeypatch):
    asked = []

    def ask(file, name, limit):
        asked.append((file, name, limit))
        return RuntimeCheck(name, f"{name} 1", "right", "Yes.")

    monkeypatch.setattr(workflow, "check_runtime", ask)
    monkeypatch.setattr(workflow, "is_installed", lambda _: True)
    found = check(str(tiny_model), 5)
    assert asked == [(tiny_model, "ai-edge-litert", 5), (tiny_model, "tflite-runtime", 5)]
    assert [each.name for each in found.checks] == ["ai-edge-litert", "tflite-runtime"]
    assert found.file == str(tiny_model)


def test_without_a_runtime_a_check_says_what_to_install(tiny_model, monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="pip install ai-edge-litert"):
        check(tiny_model)


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_an_impossible_time_limit_is_refused(tiny_model, limit):
    with pytest.raises(UsageError, match="must be above 0"):
        check(tiny_model, limit)


@pytest.mark.parametrize(
    ("verdicts", "complaint"),
    [
        (("right", "unknown"), None),
        (("crashed", "right"), "Only one of 2 runtimes .* use `--runtime tflite-runtime`"),
        (("wrong", "late"), "No runtime here can be trusted"),
        (("unusable",), "No runtime here can be trusted"),
    ],
)
def test_a_check_is_passed_if_nothing_speaks_against_any_runtime(verdicts, complaint):
    names = ("ai-edge-litert", "tflite-runtime")
    checks = [RuntimeCheck(n, n, v, "") for n, v in zip(names, verdicts, strict=False)]
    result = CheckResult("m.tflite", "a processor", tuple(checks))
    if complaint is None:
        result.require_usable()
    else:
        with pytest.raises(ModelFileError, match=complaint):
            result.require_usable()
