"""A runtime, processor or weight that is wrong without a word: no command goes on with it."""

import hashlib
import importlib.metadata
import importlib.util
import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect import load
from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.bundle import pack_bundle, read_bundle
from capsule_inspect.modelfile.known_answer import describe_processor

litert = pytest.importorskip("ai_edge_litert.interpreter")


@pytest.fixture
def changed_model(tiny_model, tmp_path) -> Path:
    """The small model with one weight of another size; whole by its own SHA-256."""
    bundle = read_bundle(tiny_model)
    weight = struct.pack("<f", 1 / 64)
    assert weight in bundle.flatbuffer
    flatbuffer = bundle.flatbuffer.replace(weight, struct.pack("<f", 1 / 48), 1)
    file = tmp_path / "changed.tflite"
    file.write_bytes(pack(flatbuffer, bundle.metadata))
    return file


def pack(flatbuffer: bytes, metadata) -> bytes:
    sha256 = hashlib.sha256(flatbuffer).hexdigest()
    return pack_bundle(flatbuffer, replace(metadata, flatbuffer_sha256=sha256))


@pytest.fixture
def wrong_kernels(monkeypatch):
    """LiteRT whose results are halved, at the door of its C++ code."""
    runner = litert.SignatureRunner
    answer = runner.__call__
    monkeypatch.setattr(
        runner,
        "__call__",
        lambda self, **inputs: {n: v / 2 for n, v in answer(self, **inputs).items()},
    )


@pytest.fixture
def commands(dataset_folder, tmp_path, paint):
    """Commands that run a model, with all that they need but the model."""
    picture = paint(tmp_path / "in/a.png")
    serve = importlib.util.find_spec("fastapi") is not None
    return [
        lambda model: ("predict", picture, "--model", model, "-o", tmp_path / "out"),
        lambda model: ("evaluate", model, "--data", dataset_folder, "-o", tmp_path / "measured"),
        *([lambda model: ("serve", "--model", model, "--port", "0")] if serve else []),
    ]


def refusals(invoke, commands, model: Path) -> list[str]:
    messages = []
    for command in commands:
        done = invoke(*command(model))
        assert done.exit_code == 2
        assert done.out == ""
        messages.append(" ".join(done.err.split()))
    with pytest.raises(ModelFileError) as caught:
        load(model)
    return [*messages, str(caught.value)]


def test_a_changed_weight_stops_every_command(invoke, commands, changed_model, tmp_path):
    for message in refusals(invoke, commands, changed_model):
        assert f"computes '{changed_model}' wrongly" in message
        assert "if all of them say this, the file was changed" in message
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "measured").exists()


@pytest.mark.usefixtures("wrong_kernels")
def test_a_wrong_runtime_stops_every_command_by_its_name(invoke, commands, tiny_model, tmp_path):
    version = importlib.metadata.version("ai-edge-litert")
    for message in refusals(invoke, commands, tiny_model):
        assert f"ai-edge-litert {version} on {describe_processor()} computes" in message
        assert "`logits` is " in message
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("wrong_kernels")
def test_info_tells_what_is_wrong_and_ends_well(invoke, tiny_model):
    done = invoke("info", tiny_model)
    assert done.exit_code == 0
    said = " ".join(done.out.split())
    assert "runs here with nothing: ai-edge-litert" in said
    assert "known answer not given here" in said
    document = json.loads(invoke("info", tiny_model, "--json").out)
    assert document["runtime"] is None
    assert "computes" in document["problem"]


def test_a_right_runtime_gives_the_known_answer(invoke, tiny_model):
    assert "known answer given by the runtime here" in " ".join(
        invoke("info", tiny_model).out.split()
    )
    document = json.loads(invoke("info", tiny_model, "--json").out)
    assert {known["name"] for known in document["metadata"]["known_answer"]["outputs"]} == {
        "logits",
        "mask_logits",
    }


@pytest.fixture
def older_model(tiny_model, tmp_path) -> Path:
    """The small model as format 3 has it."""
    bundle = read_bundle(tiny_model)
    older = replace(bundle.metadata, known_answer=None, format_version=3)
    file = tmp_path / "older.tflite"
    file.write_bytes(pack_bundle(bundle.flatbuffer, older))
    return file


def test_a_file_of_format_3_is_used_and_info_tells_that_it_has_no_answer(
    invoke, older_model, paint, tmp_path
):
    picture = paint(tmp_path / "in/a.png", "crack")
    assert load(older_model).metadata.known_answer is None
    done = invoke("predict", picture, "--model", older_model, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "crack" in (tmp_path / "out/predictions.csv").read_text()
    said = " ".join(invoke("info", older_model).out.split())
    assert "known answer none, since the file is of format 3: a runtime that computes" in said
    document = json.loads(invoke("info", older_model, "--json").out)["metadata"]
    assert (document["format_version"], document["known_answer"]) == (3, None)


@pytest.mark.usefixtures("wrong_kernels")
def test_a_file_of_format_3_cannot_notice_a_wrong_runtime(older_model):
    load(older_model)


def test_the_shipped_model_gives_its_known_answer_if_it_has_one(invoke):
    known = read_bundle(SHIPPED_MODEL).metadata.known_answer
    said = " ".join(invoke("info").out.split())
    assert f"known answer {'given by the runtime here' if known else 'none'}" in said
