"""TFLite runtimes: choosing one, and running a model in it."""

import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from queue import Empty, LifoQueue
from tempfile import TemporaryFile
from threading import RLock
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import DEFAULT_RUNTIME, RuntimeName
from capsule_inspect.errors import MissingExtraError, ModelFileError
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.scale_limits import require_possible_scales

RUNTIMES: Final[tuple[RuntimeName, ...]] = ("ai-edge-litert", "tflite-runtime")
"""The runtimes there are, the preferred one first."""

_INSTALL = {
    "ai-edge-litert": "run `pip install ai-edge-litert`",
    "tflite-runtime": "run `pip install 'capsule-inspect[tflite-runtime]'` (only on Linux with "
    "Python 3.10 or 3.11)",
}


def choose_runtime(wanted: RuntimeName) -> tuple[Any, str]:
    """Imports a runtime.

    Args:
        wanted: The runtime; `auto` takes the first that works.

    Returns:
        The interpreter class (untyped, since neither package has types), and the runtime's name and
        version.

    Raises:
        MissingExtraError: The runtime is not installed, or cannot work in this installation.
    """
    problems = []
    for name in RUNTIMES if wanted == "auto" else (wanted,):
        problem = _reason_against(name)
        if problem is None:
            try:
                module = importlib.import_module(f"{name.replace('-', '_')}.interpreter")
            except ImportError as error:
                problem = f"The runtime {name} is installed but does not start: {error}."
            else:
                return module.Interpreter, with_version(name)
        problems.append(problem)
    raise MissingExtraError(" ".join(problems))


def is_installed(name: RuntimeName) -> bool:
    """Tells whether a runtime is there, without importing it."""
    return importlib.util.find_spec(name.replace("-", "_")) is not None


def with_version(name: RuntimeName) -> str:
    """Returns the name and version of a runtime, such as `ai-edge-litert 2.3.0`."""
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:  # it was copied here, not installed
        return f"{name} of unknown version"


def _reason_against(name: RuntimeName) -> str | None:
    """Returns a sentence on why a runtime must not be imported; None if it can be."""
    if not is_installed(name):
        return f"The runtime {name} is not installed: {_INSTALL[name]}."
    if name != "tflite-runtime":
        return None
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        return (
            f"The runtime tflite-runtime was built for NumPy 1 and cannot work with NumPy "
            f"{np.__version__}: use ai-edge-litert, or run `pip install 'numpy<2'`."
        )
    if "tensorflow" in sys.modules:
        return (
            "The runtime tflite-runtime cannot work in a process that has loaded TensorFlow: "
            "use ai-edge-litert."
        )
    return None


IMAGE = "image"
"""The name of every network's input."""

LOGITS, MASK_LOGITS, FEATURES = "logits", "mask_logits", "features"
HINT = "hint"
"""The names of a network's outputs; only the first is required."""


@dataclass(frozen=True)
class Outputs:
    """The outputs of a network for one picture, before the softmax.

    Attributes:
        logits: float32 [classes], `good` first.
        mask_logits: float32 [h, w, classes], background first; None without a mask head.
        features: float32 [channels], means of the encoder's coarsest features; None if the network
            has no such output.
        hint: float32 [h, w, 1], how much each place speaks for a defect, in a network
            without a mask head; None if it has no such output.
    """

    logits: NDArray[np.float32]
    mask_logits: NDArray[np.float32] | None
    features: NDArray[np.float32] | None = None
    hint: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, results: Mapping[str, NDArray[Any]]) -> "Outputs":
        """Takes the outputs for a batch of one picture.

        Args:
            results: Arrays [1, ...] by the name of the output.
        """
        only = {name: np.asarray(batch[0], np.float32) for name, batch in results.items()}
        rest = (only.get(name) for name in (MASK_LOGITS, FEATURES, HINT))
        return cls(only[LOGITS], *rest)

    def by_name(self) -> dict[str, NDArray[np.float32]]:
        """Returns the outputs that there are, by name."""
        every = {
            LOGITS: self.logits,
            MASK_LOGITS: self.mask_logits,
            FEATURES: self.features,
            HINT: self.hint,
        }
        return {name: output for name, output in every.items() if output is not None}


_INFO_LINE = re.compile(
    rb"INFO: "
    rb"|[IW]\d{4} \d\d:"  # absl's format of information and warnings
    rb"|WARNING: All log messages before absl"
    rb"|fully_quantize: "  # the converter, once per file
)

_REDIRECTION = RLock()
"""Lets one thread at a time redirect stderr: two at once could leave it redirected."""


@contextmanager
def without_info_lines() -> Iterator[None]:
    """Hides the info lines that TensorFlow's C++ code writes to stderr during the block.

    TensorFlow Lite announces its XNNPACK delegate, and neither TF_CPP_MIN_LOG_LEVEL nor an option
    turns that line off. So file descriptor 2 of the whole process points to a file until the block
    ends; then all other lines are passed on. Keep the block short: threads take turns. Without
    stderr or space for a temporary file, nothing is hidden.
    """
    with _REDIRECTION, ExitStack() as stack:
        try:
            held = stack.enter_context(TemporaryFile())
            stderr = os.dup(2)
        except OSError:
            held = None
        if held is None:
            yield
            return
        stack.callback(os.close, stderr)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not _INFO_LINE.match(line)))


# The inputs or outputs of a model: name → (type, shape).
_Tensors = Mapping[str, tuple[str, tuple[int | str, ...]]]


Kernels: TypeAlias = Literal["AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"]
"""A runtime's sets of kernels by its own names: what it takes by itself, usually XNNPACK; its own
optimized ones; and its reference ones, plain loops that are many times slower."""


@dataclass(frozen=True)
class Scale:
    """How the values of an int8 tensor are spaced.

    Attributes:
        step: From one value to the next; above 0.
        low: The least value.
        high: The greatest value.
    """

    step: float
    low: float
    high: float

    @classmethod
    def of(cls, step: float, zero_point: int) -> "Scale":
        """Takes what a runtime says of the tensor."""
        return cls(float(step), float(step * (-128 - zero_point)), float(step * (127 - zero_point)))


class Interpreter:
    """A model loaded into a runtime, for one thread at a time.

    If the model file has a known answer, the runtime has given it before anything else is run.

    Args:
        bundle: The verified model.
        runtime: The runtime to use.
        threads: Number of threads the runtime may use; at least 1.
        kernels: The kernels to use.

    Attributes:
        runtime: Name and version of the runtime in use.

    Raises:
        MissingExtraError: The runtime is not installed, or cannot work in this installation.
        WrongAnswerError: The runtime gives another answer than the known one.
        ModelFileError: The runtime cannot run the model, or the model's inputs and outputs do not
            match its metadata.
        ValueError: `threads` is below 1.
    """

    runtime: str

    def __init__(
        self,
        bundle: ModelBundle,
        runtime: RuntimeName = DEFAULT_RUNTIME,
        threads: int = 1,
        kernels: Kernels = "AUTO",
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        interpreter_class, self.runtime = choose_runtime(runtime)
        resolvers = sys.modules[interpreter_class.__module__].OpResolverType
        try:
            with without_info_lines():
                interpreter = interpreter_class(
                    model_content=bundle.flatbuffer,
                    num_threads=threads,
                    experimental_op_resolver_type=resolvers[kernels],
                )
                if kernels == "AUTO":
                    require_possible_scales(interpreter, bundle.name)
                interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise ModelFileError(
                f"{self.runtime} cannot run {bundle.name} ({reason}): "
                "use another `--runtime`, or export the model as int8."
            ) from error
        signatures = interpreter.get_signature_list()
        if len(signatures) != 1:
            raise ModelFileError(
                f"{bundle.name} has {len(signatures)} signatures instead of 1: "
                "export the model again with `capsule-inspect export-tflite`."
            )
        self._interpreter = interpreter
        self._run = interpreter.get_signature_runner()
        self._input_shape = (bundle.metadata.roi.height, bundle.metadata.roi.width, 3)
        _check_interface(bundle, self._run)
        if answer := bundle.metadata.known_answer:
            size = bundle.metadata.roi.width, bundle.metadata.roi.height
            answer.require_of(
                lambda picture: self.run(picture).by_name(), size, bundle.name, self.runtime
            )

    def output_scales(self) -> dict[str, Scale]:
        """Returns the scales of those outputs that come from int8 tensors, by name.

        Only with kernels of the runtime's own: XNNPACK hides the operators of a model.
        """
        # There is no public way to ask which tensor an output is made of.
        sources = {
            operator["outputs"][0]: operator["inputs"][0]
            for operator in self._interpreter._get_ops_details()
            if operator["op_name"] == "DEQUANTIZE"
        }
        scales = {
            tensor["index"]: Scale.of(*tensor["quantization"])
            for tensor in self._interpreter.get_tensor_details()
            if tensor["dtype"] == np.int8
        }
        return {
            name: scales[sources[tensor["index"]]]
            for name, tensor in self._run.get_output_details().items()
            if sources.get(tensor["index"]) in scales
        }

    def run(self, image: NDArray[np.uint8]) -> Outputs:
        """Runs the model on one window.

        Args:
            image: uint8 RGB [roi.height, roi.width, 3].

        Returns:
            The outputs, in arrays that later runs do not overwrite.

        Raises:
            ValueError: The image has another shape or type.
        """
        if image.shape != self._input_shape or image.dtype != np.uint8:
            raise ValueError(
                f"the image is {image.dtype} {image.shape}, not uint8 {self._input_shape}"
            )
        # The runtime returns copies of its tensors.
        return Outputs.of(self._run(**{IMAGE: image[None]}))


def _check_interface(bundle: ModelBundle, runner: Any) -> None:
    roi, classes = bundle.metadata.roi, len(bundle.metadata.classes)
    inputs = _describe(runner.get_input_details())
    outputs = _describe(runner.get_output_details())
    expected: dict[str, tuple[str, tuple[int | str, ...]]]
    expected = {LOGITS: ("float32", (1, classes))}
    # One of them at most: a network that tells pixels needs no hint.
    for name, depth in ((MASK_LOGITS, classes), (HINT, 1)):
        if name in outputs:
            shape = outputs[name][1]
            size = shape[1:3] if len(shape) == 4 else ("height", "width")  # any size will do
            expected[name] = ("float32", (1, *size, depth))
            break
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
                f"{bundle.name} has the {kind} {_spell(found)}, but by its metadata it must have "
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


class InterpreterPool:
    """A model for any number of threads: each running thread gets an `Interpreter` of its own.

    It takes what an `Interpreter` takes, refuses what that refuses, and has the same `runtime`.
    """

    def __init__(
        self, bundle: ModelBundle, runtime: RuntimeName = DEFAULT_RUNTIME, threads: int = 1
    ) -> None:
        self._make = partial(Interpreter, bundle, runtime, threads)
        self._idle: LifoQueue[Interpreter] = LifoQueue()
        first = self._make()
        self.runtime = first.runtime
        self._idle.put(first)

    def run(self, image: NDArray[np.uint8]) -> Outputs:
        """Runs the model on one window; see `Interpreter.run`."""
        try:
            interpreter = self._idle.get_nowait()
        except Empty:
            interpreter = self._make()
        try:
            return interpreter.run(image)
        finally:
            self._idle.put(interpreter)
