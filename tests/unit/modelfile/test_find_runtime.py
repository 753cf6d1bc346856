import importlib.util
import sys

import numpy as np
import pytest

from capsule_inspect.errors import MissingExtraError
from capsule_inspect.modelfile.find_runtime import find_runtime

MODULES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}


@pytest.mark.skipif(not importlib.util.find_spec("ai_edge_litert"), reason="needs ai-edge-litert")
def test_auto_prefers_ai_edge_litert():
    interpreter_class, name = find_runtime("auto")
    assert interpreter_class.__module__.startswith("ai_edge_litert")
    assert name.startswith("ai-edge-litert ")


def hide(monkeypatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.interpreter", None)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ai-edge-litert", "pip install ai-edge-litert"),
        ("tflite-runtime", "pip install 'capsule-inspect[tflite-runtime]'"),
    ],
)
def test_a_runtime_that_is_not_installed_names_its_command(monkeypatch, name, command):
    hide(monkeypatch, MODULES[name])
    with pytest.raises(MissingExtraError) as caught:
        find_runtime(name)
    assert f"`{command}`" in str(caught.value)


def test_auto_without_any_runtime_names_both_commands(monkeypatch):
    hide(monkeypatch, "ai_edge_litert")
    hide(monkeypatch, "tflite_runtime")
    with pytest.raises(MissingExtraError, match=r"ai-edge-litert.*capsule-inspect\[tflite"):
        find_runtime("auto")


@pytest.fixture
def broken_package(tmp_path, monkeypatch):
    """Installs a package under a runtime's name that cannot be imported."""

    def install(module: str) -> None:
        folder = tmp_path / module
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "interpreter.py").write_text("raise ImportError('GLIBC_2.99 not found')")
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.delitem(sys.modules, f"{module}.interpreter", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_a_runtime_that_does_not_start_says_why(broken_package):
    broken_package("ai_edge_litert")
    with pytest.raises(MissingExtraError, match=r"does not start: GLIBC_2\.99 not found"):
        find_runtime("ai-edge-litert")


@pytest.mark.parametrize("numpy", ["2.0.0", "2.4.6"])
def test_tflite_runtime_is_not_imported_beside_numpy_2(broken_package, monkeypatch, numpy):
    broken_package("tflite_runtime")
    monkeypatch.setattr(np, "__version__", numpy)
    with pytest.raises(MissingExtraError, match=rf"NumPy {numpy}"):
        find_runtime("tflite-runtime")
    assert "tflite_runtime" not in sys.modules


def test_tflite_runtime_is_not_imported_beside_tensorflow(broken_package, monkeypatch):
    broken_package("tflite_runtime")
    monkeypatch.setattr(np, "__version__", "1.26.4")
    monkeypatch.setitem(sys.modules, "tensorflow", np)
    with pytest.raises(MissingExtraError, match="loaded TensorFlow"):
        find_runtime("tflite-runtime")
