"""The runtimes that are compared: each opener returns a call that runs a network once."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Call = Callable[[], object]


def open_litert(file: Path, threads: int) -> Call:
    """Opens a `.tflite` file in the runtime that `predict` uses, with XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file), num_threads=threads)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    interpreter.set_tensor(image["index"], draw_noise(image["shape"]))
    invoke: Call = interpreter.invoke
    return invoke


def open_openvino(file: Path, threads: int) -> Call:
    """Opens a `.tflite` file in OpenVINO."""
    from openvino import Core

    core = Core()
    model = core.read_model(file)
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    pixels = draw_noise(model.inputs[0].shape)
    return lambda: request.infer([pixels])


def open_onnx(file: Path, threads: int) -> Call:
    """Opens the `.onnx` file beside a `.tflite` file in ONNX Runtime."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    session = InferenceSession(
        file.with_suffix(".onnx"), options, providers=["CPUExecutionProvider"]
    )
    (image,) = session.get_inputs()
    pixels = draw_noise(image.shape)
    return lambda: session.run(None, {image.name: pixels})


def draw_noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Draws random pixels in place of a picture."""
    return np.random.default_rng(0).integers(0, 256, tuple(shape), dtype=np.uint8)


def others_are_installed() -> bool:
    """Returns whether the extra `bench` is installed: ONNX Runtime, OpenVINO and a converter."""
    return all(find_spec(name) for name in ("onnxruntime", "openvino", "tf2onnx"))
