"""Runtimes that crash, hang or compute wrongly, under `info --check` as a person calls it."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.modelfile.bundle import read_bundle, write_bundle

pytest.importorskip("ai_edge_litert")

CRASH = "import faulthandler; faulthandler._sigsegv()"
ILLEGAL = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
HANG = "import time; time.sleep(600)"


@pytest.fixture
def check(tmp_path):
    """Runs `info --check` in a process of its own, with stubs in the place of runtimes."""

    def run(*arguments: object, **stubs: str) -> subprocess.CompletedProcess[str]:
        for module, code in stubs.items():
            package = tmp_path / "stubs" / module
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "interpreter.py").write_text(code)
        path = [str(tmp_path / "stubs"), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, "-m", "capsule_inspect", "info", "--check", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )

    return run


def only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def test_a_runtime_that_answers_rightly_passes(check, tiny_model):
    for arguments in ((tiny_model,), ("--model", tiny_model)):
        done = check(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "ai-edge-litert " in done.stdout
        assert f" answers rightly: it gives the known answer of '{tiny_model}'" in done.stdout


@pytest.mark.parametrize(("code", "name"), [(CRASH, "SIGSEGV"), (ILLEGAL, "SIGILL")])
def test_a_runtime_that_crashes_is_a_sentence(check, tiny_model, code, name):
    done = check(tiny_model, ai_edge_litert=code)
    assert done.returncode == 2
    said = only_line(done.stdout)
    assert said.startswith("ai-edge-litert ")
    assert f" crashed with {name} (" in said
    assert f"'{tiny_model}'" in said
    assert platform.machine() in said
    assert "install another version of it (`pip install 'ai-edge-litert!=" in said
    assert only_line(done.stderr) == (
        f"Error: No runtime here can be trusted with '{tiny_model}': its sentence says what to do."
    )


def test_a_runtime_that_hangs_is_ended(check, tiny_model):
    done = check(tiny_model, "--time-limit", "1", ai_edge_litert=HANG)
    assert done.returncode == 2
    assert " did not answer within 1 s for " in only_line(done.stdout)


def test_a_runtime_that_computes_wrongly_is_told(check, tiny_model, tmp_path):
    bundle = read_bundle(tiny_model)
    answer = bundle.metadata.known_answer
    first, *others = answer.outputs
    moved = replace(first, values=tuple(value + 40 for value in first.values))
    other = replace(answer, outputs=(moved, *others))
    file = tmp_path / "m.tflite"
    write_bundle(file, bundle.flatbuffer, replace(bundle.metadata, known_answer=other))
    done = check(file)
    assert done.returncode == 2
    assert f" computes '{file}' wrongly: " in only_line(done.stdout)


def test_one_runtime_that_crashes_does_not_hide_one_that_works(check, tiny_model):
    done = check(tiny_model, tflite_runtime=ILLEGAL)
    right, crashed = done.stdout.splitlines()
    assert " answers rightly: " in right
    assert crashed.startswith(("tflite-runtime ", "The runtime tflite-runtime "))
    assert done.returncode == 2
    assert "Only one of 2 runtimes here can be trusted" in done.stderr
    assert done.stderr.endswith("use `--runtime ai-edge-litert`.\n")


def test_programs_get_an_object(check, tiny_model):
    done = check(tiny_model, "--json", ai_edge_litert=CRASH)
    assert done.returncode == 2
    document = json.loads(done.stdout)
    (found,) = document["checks"]
    assert document["file"] == str(tiny_model)
    assert document["processor"] in found["sentence"]
    assert (found["name"], found["verdict"]) == ("ai-edge-litert", "crashed")


def test_a_name_that_is_not_text_comes_through(check, tiny_model, tmp_path):
    file = tmp_path / "caf\udce9.tflite"
    Path(file).write_bytes(tiny_model.read_bytes())
    done = check(file)
    assert done.returncode == 0
    assert r"caf\udce9.tflite" in done.stdout
