import hashlib
import json
import re
import zipfile
from dataclasses import replace

import pytest

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.modelfile import runtime as choose_runtime
from capsule_inspect.modelfile.bundle import pack_bundle, read_bundle
from capsule_inspect.modelfile.metadata import Metric


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_shipped_model_says_what_its_archive_holds(invoke):
    done = invoke("info")
    assert done.exit_code == 0
    assert done.err == ""
    with zipfile.ZipFile(SHIPPED_MODEL) as archive:
        held = json.loads(archive.read("metadata.json"))
    for text in (
        str(SHIPPED_MODEL),
        hashlib.sha256(SHIPPED_MODEL.read_bytes()).hexdigest(),
        ", ".join(held["classes"]),
        f"{held['roi']['width']} x {held['roi']['height']} px",
        held["operating_point"]["chosen_by"],
        held["quantization"],
        held["training_data_sha256"],
        held["licence"],
        held["created_with"],
        f"Measured on {held['measured_on']}",
        "ai-edge-litert",
    ):
        assert text in words(done.out)
    for metric in held["metrics"]:
        row = f"{metric['name']} {metric['value']:.4f} {metric['low']:.3f} to {metric['high']:.3f}"
        assert f"{row} {metric['n']}" in words(done.out)


def test_json_is_one_object_of_file_facts_and_metadata(invoke, tiny_model):
    done = invoke("info", tiny_model, "--json")
    assert done.exit_code == 0
    document = json.loads(done.out)
    with zipfile.ZipFile(tiny_model) as archive:
        assert document.pop("metadata") == json.loads(archive.read("metadata.json"))
    assert re.match(r"ai-edge-litert \d", document.pop("runtime"))
    assert document == {
        "file": str(tiny_model),
        "size": tiny_model.stat().st_size,
        "sha256": hashlib.sha256(tiny_model.read_bytes()).hexdigest(),
        "problem": None,
    }


def test_a_file_without_metrics_says_on_what_it_was_measured(invoke, tiny_model):
    done = invoke("info", tiny_model)
    assert done.exit_code == 0
    assert "measured on nothing" in words(done.out)
    assert "48 x 16 px, the whole picture" in done.out
    assert "interval" not in done.out


def test_without_a_runtime_it_says_why_and_ends_well(invoke, tiny_model, monkeypatch):
    monkeypatch.setattr(choose_runtime.importlib.util, "find_spec", lambda _: None)
    done = invoke("info", tiny_model)
    assert done.exit_code == 0
    assert "runs here with nothing: The runtime ai-edge-litert is not installed" in words(done.out)
    document = json.loads(invoke("info", tiny_model, "--json").out)
    assert document["runtime"] is None
    assert "ai-edge-litert" in document["problem"]


def test_text_of_the_file_is_no_markup(invoke, tiny_model, tmp_path):
    bundle = read_bundle(tiny_model)
    metadata = replace(
        bundle.metadata,
        licence="[/] none [bold]",
        measured_on="[/] nothing [red]",
        metrics=(Metric("[/] name", 0.5, 3, None, None),),
    )
    file = tmp_path / "markup.tflite"
    file.write_bytes(pack_bundle(bundle.flatbuffer, metadata))
    done = invoke("info", file)
    assert done.exit_code == 0
    for text in ("[/] none [bold]", "[/] nothing [red]", "[/] name"):
        assert text in done.out


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("none.tflite", None, "does not exist"),
        ("foreign.tflite", b"not a model at all", "is not a TensorFlow Lite model"),
        ("cut.tflite", SHIPPED_MODEL.read_bytes()[:-9], "is truncated"),
        ("changed.tflite", b"\0" + SHIPPED_MODEL.read_bytes()[1:], "SHA-256"),
    ],
)
def test_a_damaged_or_foreign_file_is_a_sentence(invoke, tmp_path, name, content, complaint):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    for arguments in ((), ("--json",)):
        done = invoke("info", file, *arguments)
        assert done.exit_code == 2
        assert done.out == ""
        assert complaint in done.err
        assert done.err.startswith("Error: ")


@pytest.mark.parametrize("name", ["model.keras", "run"])
def test_a_network_is_sent_to_export_tflite(invoke, tmp_path, name):
    model = tmp_path / name
    if name == "run":
        model.mkdir()
    done = invoke("info", model)
    assert done.exit_code == 2
    assert f"capsule-inspect export-tflite {model}" in done.err


def test_it_imports_no_heavy_package(modules_after):
    heavy = {"tensorflow", "keras", "cv2", "hydra", "sklearn"}
    assert not modules_after("info") & heavy


def test_a_check_imports_no_runtime_in_its_own_process(modules_after, tiny_model):
    heavy = {"ai_edge_litert", "tflite_runtime", "tensorflow", "cv2", "hydra", "sklearn"}
    assert not modules_after("info", tiny_model, "--check") & heavy


def test_two_models_are_too_many(invoke, tiny_model):
    done = invoke("info", tiny_model, "--model", "other.tflite")
    assert done.exit_code == 2
    assert "are two models: name one." in words(done.err)


def test_a_time_limit_belongs_to_a_check(invoke):
    done = invoke("info", "--time-limit", "5")
    assert done.exit_code == 2
    assert done.err == "Error: --time-limit needs --check.\n"


def test_a_damaged_file_is_not_given_to_any_runtime(invoke, tmp_path):
    file = tmp_path / "cut.tflite"
    file.write_bytes(SHIPPED_MODEL.read_bytes()[:-9])
    done = invoke("info", file, "--check")
    assert (done.exit_code, done.out) == (2, "")
    assert "is truncated" in done.err
