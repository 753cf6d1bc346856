"""Running a model file with whichever TensorFlow Lite runtime is installed."""

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import MissingExtraError, ModelFileError
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.outputs import Outputs
from capsule_inspect.modelfile.quiet import without_info_lines
from capsule_inspect.modelfile.runtime_name import RuntimeName

_PREFERRED: tuple[RuntimeName, ...] = ("ai-edge-litert", "tflite-runtime")
_INSTALL = {
    "ai-edge-litert": "`pip install ai-edge-litert` brings it",
    "tflite-runtime": "`pip install 'capsule-inspect[tflite-runtime]'` brings it, on Linux with "
    "Python 3.10 or 3.11 only",
}
# What a model's interface looks like: name → (type, shape).
_Tensors = Mapping[str, tuple[str, tuple[int | str, ...]]]


class Interpreter:
    """One model, ready to run; to be used by one thread at a time.

    Args:
        bundle: The verified model.
        runtime: Which runtime to use.
        threads: How many threads the runtime may use; at least 1.

    Attributes:
        runtime: Name and version of the runtime in use.

    Raises:
        MissingExtraError: The runtime is not installed, or cannot work in this installation.
        ModelFileError: The runtime cannot execute the model, or the model's inputs and outputs are
            not what its metadata implies.
        ValueError: `threads` is below 1.
    """

    runtime: str

    def __init__(
        self, bundle: ModelBundle, runtime: RuntimeName = "auto", threads: int = 1
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        interpreter_class, self.runtime = _find_runtime(runtime)
        try:
            with without_info_lines():
                interpreter = interpreter_class(
                    model_content=bundle.flatbuffer, num_threads=threads
                )
                interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise ModelFileError(
                f"{self.runtime} cannot execute {bundle.name} ({reason}): "
                "use another `--runtime`, or export the model as int8."
            ) from error
        signatures = interpreter.get_signature_list()
        if len(signatures) != 1:
            raise ModelFileError(
                f"{bundle.name} has {len(signatures)} signatures, but exactly 1 is expected: "
                "export the model again with `capsule-inspect export-tflite`."
            )
        self._run = interpreter.get_signature_runner()
        self._input_shape = (bundle.metadata.roi.height, bundle.metadata.roi.width, 3)
        _check_interface(bundle, self._run)

    def run(self, image: NDArray[np.uint8]) -> Outputs:
        """Execute the model on one window.

        Args:
            image: uint8 RGB [roi.height, roi.width, 3].

        Returns:
            Arrays of their own, which later runs leave alone.

        Raises:
            ValueError: The image has another shape or type.
        """
        if image.shape != self._input_shape or image.dtype != np.uint8:
            raise ValueError(
                f"the image is {image.dtype} {image.shape}, not uint8 {self._input_shape}"
            )
        # The runtime copies each result out of its own memory.
        results = self._run(image=image[None])
        batches = (results.get(name) for name in ("mask_logits", "features"))
        return Outputs(results["logits"][0], *(None if b is None else b[0] for b in batches))


def _find_runtime(wanted: RuntimeName) -> tuple[Any, str]:
    """The runtime's interpreter class, untyped since neither package has types; and its name."""
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


def _check_interface(bundle: ModelBundle, runner: Any) -> None:
    roi, classes = bundle.metadata.roi, len(bundle.metadata.classes)
    inputs = _describe(runner.get_input_details())
    outputs = _describe(runner.get_output_details())
    expected: dict[str, tuple[str, tuple[int | str, ...]]]
    expected = {"logits": ("float32", (1, classes))}
    if "mask_logits" in outputs:
        shape = outputs["mask_logits"][1]
        size = shape[1:3] if len(shape) == 4 else ("height", "width")  # any size will do
        expected["mask_logits"] = ("float32", (1, *size, classes))
    seen = bundle.metadata.training_statistics
    if seen is not None:
        expected["features"] = ("float32", (1, len(seen.feature_means)))
    elif "features" in outputs:
        expected["features"] = ("float32", (1, *outputs["features"][1][1:2]))
    for kind, wanted, found in (
        ("input", {"image": ("uint8", (1, roi.height, roi.width, 3))}, inputs),
        ("output", expected, outputs),
    ):
        if wanted != found:
            raise ModelFileError(
                f"{bundle.name} has the {kind} {_spell(found)}, but its metadata implies "
                f"{_spell(wanted)}: export the model again with `capsule-inspect export-tflite`."
            )


def _describe(details: dict[str, dict[str, Any]]) -> _Tensors:
    return {
        name: (np.dtype(tensor["dtype"]).name, tuple(int(side) for side in tensor["shape"]))
        for name, tensor in details.items()
    }


def _spell(tensors: _Tensors) -> str:
    parts = [
        f"{name} {kind} [{', '.join(map(str, shape))}]"
        for name, (kind, shape) in sorted(tensors.items())
    ]
    return " and ".join(parts) or "(none)"
