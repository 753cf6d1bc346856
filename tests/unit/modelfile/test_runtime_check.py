import errno
import importlib.metadata
import importlib.util
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.modelfile import runtime_check
from capsule_inspect.modelfile.bundle import read_bundle, write_bundle
from capsule_inspect.modelfile.known_answer import describe_processor
from capsule_inspect.modelfile.runtime_check import RuntimeCheck, check_runtime

pytest.importorskip("ai_edge_litert")

VERSION = importlib.metadata.version("ai-edge-litert")
RUNTIME = f"ai-edge-litert {VERSION}"


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Puts a module in the place of a runtime, for this process and those it starts."""

    def install(code: str, module: str = "ai_edge_litert") -> None:
        package = tmp_path / "stub" / module
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "interpreter.py").write_text(code)
        monkeypatch.syspath_prepend(str(package.parent))

    return install


def changed(model: Path, file: Path, **fields: object) -> Path:
    """A copy of a model file with other metadata."""
    bundle = read_bundle(model)
    write_bundle(file, bundle.flatbuffer, replace(bundle.metadata, **fields))
    return file


def test_a_runtime_that_answers_rightly_is_told_with_the_processor(tiny_model):
    assert check_runtime(tiny_model, "ai-edge-litert") == RuntimeCheck(
        "ai-edge-litert",
        RUNTIME,
        "right",
        f"{RUNTIME} answers rightly: it gives the known answer of '{tiny_model}' on "
        f"{describe_processor()}.",
    )


def test_a_runtime_that_answers_wrongly_is_told(tiny_model, tmp_path):
    answer = read_bundle(tiny_model).metadata.known_answer
    first, *others = answer.outputs
    moved = replace(first, values=tuple(value + 40 for value in first.values))
    other = replace(answer, outputs=(moved, *others))
    file = changed(tiny_model, tmp_path / "m.tflite", known_answer=other)
    found = check_runtime(file, "ai-edge-litert")
    assert (found.verdict, found.is_usable) == ("wrong", False)
    assert found.sentence.startswith(f"{RUNTIME} on {describe_processor()} computes '{file}' wrong")
    assert "Use another `--runtime`" in found.sentence


def test_without_a_known_answer_the_model_is_run_all_the_same(tiny_model, tmp_path, stub):
    file = changed(tiny_model, tmp_path / "m.tflite", known_answer=None, format_version=3)
    found = check_runtime(file, "ai-edge-litert")
    assert (found.verdict, found.is_usable) == ("unknown", True)
    assert "has no known answer to compare with: export the network again." in found.sentence
    # A runtime that crashes only when it computes is found out, too.
    real = importlib.util.find_spec("ai_edge_litert.interpreter").origin
    stub(
        "import os, signal, sys, types\n"
        f"sys.path.insert(0, {str(Path(real).parents[1])!r})\n"
        "del sys.modules['ai_edge_litert'], sys.modules['ai_edge_litert.interpreter']\n"
        "from ai_edge_litert import interpreter as real\n"
        "real.SignatureRunner.__call__ = lambda *_, **__: os.kill(os.getpid(), signal.SIGBUS)\n"
        "sys.modules['ai_edge_litert.interpreter'] = real\n"
    )
    assert "SIGBUS" in check_runtime(file, "ai-edge-litert").sentence


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGILL, signal.SIGKILL])
def test_a_signal_is_told_by_its_name(tiny_model, stub, number):
    stub(f"import os; os.kill(os.getpid(), {int(number)})")
    found = check_runtime(tiny_model, "ai-edge-litert")
    assert (found.verdict, found.is_usable) == ("crashed", False)
    assert found.sentence == (
        f"{RUNTIME} crashed with {number.name} ({signal.strsignal(number)}) while it ran "
        f"'{tiny_model}' on {describe_processor()}: install another version of it (`pip install "
        f"'ai-edge-litert!={VERSION}'`), or use `--runtime tflite-runtime` or another machine."
    )


def test_a_segmentation_fault_of_native_code_is_one(tiny_model, stub):
    stub("import ctypes; ctypes.string_at(0)")
    assert "crashed with SIGSEGV (" in check_runtime(tiny_model, "ai-edge-litert").sentence


def test_an_end_without_an_answer_is_a_crash(tiny_model, stub):
    stub("import os; print('All is well', flush=True); os._exit(0)")
    found = check_runtime(tiny_model, "ai-edge-litert")
    assert found.verdict == "crashed"
    assert "crashed with exit code 0 while it ran" in found.sentence


def test_an_error_that_nobody_foresaw_is_a_crash_with_its_last_line(tiny_model, stub):
    stub("raise SystemError('initialization failed.')")
    found = check_runtime(tiny_model, "ai-edge-litert")
    assert found.verdict == "crashed"
    assert "with exit code 1 (SystemError: initialization failed) while it ran" in found.sentence


def test_a_runtime_that_does_not_answer_is_ended_with_what_it_started(tiny_model, stub):
    # What it starts keeps its output open for longer than the limit.
    stub("import subprocess, time; subprocess.Popen(['sleep', '20']); time.sleep(600)")
    started = time.monotonic()
    found = check_runtime(tiny_model, "ai-edge-litert", limit=2)
    assert time.monotonic() - started < 15
    assert (found.verdict, found.is_usable) == ("late", False)
    assert f"{RUNTIME} did not answer within 2 s for '{tiny_model}' on " in found.sentence
    assert "give it more with `--time-limit`, or install another version" in found.sentence


def test_a_runtime_that_cannot_work_here_says_why(tiny_model, stub):
    stub("raise ImportError('GLIBC_2.99 not found')")
    found = check_runtime(tiny_model, "ai-edge-litert")
    assert (found.verdict, found.is_usable) == ("unusable", False)
    assert found.sentence.endswith("does not start: GLIBC_2.99 not found.")


def test_the_other_runtime_is_sent_to_the_first(tiny_model, stub):
    stub("import os; os.kill(os.getpid(), 11)", "tflite_runtime")
    sentence = check_runtime(tiny_model, "tflite-runtime").sentence
    if "NumPy" not in sentence:  # with NumPy 2 it is not even imported
        assert sentence.endswith("use `--runtime ai-edge-litert` or another machine.")


def test_modules_in_the_folder_it_starts_in_are_not_taken(tiny_model, tmp_path, monkeypatch):
    for name in ("json", "numpy", "capsule_inspect"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('another module')")
    monkeypatch.chdir(tmp_path)
    assert check_runtime(tiny_model, "ai-edge-litert").verdict == "right"


def test_where_no_process_can_be_started_it_says_so(tiny_model, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOEXEC, "Exec format error")

    monkeypatch.setattr(subprocess, "run", refuse)
    found = check_runtime(tiny_model, "ai-edge-litert")
    assert found.verdict == "unusable"
    assert "does not start here (Exec format error): try" in found.sentence


@pytest.mark.parametrize(
    ("code", "described"),
    [
        (-11, "SIGSEGV (Segmentation fault)"),
        (-4, "SIGILL (Illegal instruction)"),
        (-40, "signal 40"),
        (1, "exit code 1"),
        (0xC0000005, "exit code 0xC0000005"),
    ],
)
def test_ends_have_names(code, described):
    assert runtime_check._describe_end(code) == described
