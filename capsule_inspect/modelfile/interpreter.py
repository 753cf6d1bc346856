"""Running a model file with whichever TensorFlow Lite runtime is installed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.find_runtime import find_runtime
from capsule_inspect.modelfile.outputs import FEATURES, IMAGE, LOGITS, MASK_LOGITS, Outputs
from capsule_inspect.modelfile.runtime_name import RuntimeName
from capsule_inspect.modelfile.without_info_lines import without_info_lines

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
        interpreter_class, self.runtime = find_runtime(runtime)
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
        """Executes the model on one window.

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
        return Outputs.of(self._run(**{IMAGE: image[None]}))


def _check_interface(bundle: ModelBundle, runner: Any) -> None:
    roi, classes = bundle.metadata.roi, len(bundle.metadata.classes)
    inputs = _describe(runner.get_input_details())
    outputs = _describe(runner.get_output_details())
    expected: dict[str, tuple[str, tuple[int | str, ...]]]
    expected = {LOGITS: ("float32", (1, classes))}
    if MASK_LOGITS in outputs:
        shape = outputs[MASK_LOGITS][1]
        size = shape[1:3] if len(shape) == 4 else ("height", "width")  # any size will do
        expected[MASK_LOGITS] = ("float32", (1, *size, classes))
    statistics = bundle.metadata.training_statistics
    if statistics is not None:
        expected[FEATURES] = ("float32", (1, len(statistics.feature_means)))
    elif FEATURES in outputs:
        expected[FEATURES] = ("float32", (1, *outputs[FEATURES][1][1:2]))
    for kind, wanted, found in (
        ("input", {IMAGE: ("uint8", (1, roi.height, roi.width, 3))}, inputs),
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
