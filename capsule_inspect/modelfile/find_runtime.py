"""Finding a TensorFlow Lite runtime that is installed and can work here."""

import importlib
import importlib.metadata
import importlib.util
import sys
from typing import Any

import numpy as np

from capsule_inspect.errors import MissingExtraError
from capsule_inspect.modelfile.runtime_name import RuntimeName

_PREFERRED: tuple[RuntimeName, ...] = ("ai-edge-litert", "tflite-runtime")
_INSTALL = {
    "ai-edge-litert": "`pip install ai-edge-litert` brings it",
    "tflite-runtime": "`pip install 'capsule-inspect[tflite-runtime]'` brings it, on Linux with "
    "Python 3.10 or 3.11 only",
}


def find_runtime(wanted: RuntimeName) -> tuple[Any, str]:
    """Imports a runtime.

    Args:
        wanted: Which one.

    Returns:
        Its interpreter class, untyped since neither package has types; its name and version.

    Raises:
        MissingExtraError: It is not installed, or cannot work in this installation.
    """
    problems = []
    for name in _PREFERRED if wanted == "auto" else (wanted,):
        problem = _unusable(name)
        if problem is None:
            try:
                module = importlib.import_module(f"{name.replace('-', '_')}.interpreter")
            except ImportError as error:
                problem = f"The runtime {name} is installed but does not start: {error}."
            else:
                return module.Interpreter, f"{name} {importlib.metadata.version(name)}"
        problems.append(problem)
    raise MissingExtraError(" ".join(problems))


def _unusable(name: str) -> str | None:
    """Why a runtime must not even be imported, as a sentence; None where it may be."""
    if importlib.util.find_spec(name.replace("-", "_")) is None:
        return f"The runtime {name} is not installed: {_INSTALL[name]}."
    if name != "tflite-runtime":
        return None
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        return (
            f"The runtime tflite-runtime was built for NumPy 1 and cannot work with NumPy "
            f"{np.__version__}: use ai-edge-litert, or `pip install 'numpy<2'`."
        )
    if "tensorflow" in sys.modules:
        return (
            "The runtime tflite-runtime cannot work in a process that has loaded TensorFlow: "
            "use ai-edge-litert."
        )
    return None
