import struct
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRt

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.bundle import ModelBundle, read_bundle
from capsule_inspect.modelfile.runtime import Interpreter


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return replace(read_bundle(SHIPPED_MODEL), name="m.tflite")


def with_factor(bundle: ModelBundle, factor: float) -> tuple[ModelBundle, str]:
    """Sets the scale of one convolution's output, so that its greatest factor is this one."""
    runtime = LiteRt(model_content=bundle.flatbuffer)
    tensors = {tensor["index"]: tensor for tensor in runtime.get_tensor_details()}

    def scales(index: int) -> np.ndarray:
        return tensors[index]["quantization_parameters"]["scales"]

    for operator in runtime._get_ops_details():
        if operator["op_name"] != "CONV_2D" or not len(scales(operator["inputs"][0])):
            continue
        out = operator["outputs"][0]
        written = struct.pack("<f", scales(out)[0])
        if bundle.flatbuffer.count(written) == 1:
            picture, weights = operator["inputs"][:2]
            scale = float((scales(picture) * scales(weights)).max()) / factor
            flatbuffer = bundle.flatbuffer.replace(written, struct.pack("<f", scale))
            changed = replace(bundle.metadata, known_answer=None)
            layer = tensors[out]["name"].split(";")[-1]
            return replace(bundle, flatbuffer=flatbuffer, metadata=changed), layer
    raise AssertionError("no convolution has a scale of its own")


def test_a_factor_within_the_limits_runs(shipped):
    bundle, _ = with_factor(shipped, 255)
    roi = bundle.metadata.roi
    outputs = Interpreter(bundle).run(np.zeros((roi.height, roi.width, 3), np.uint8))
    assert np.isfinite(outputs.logits).all()


@pytest.mark.parametrize("factor", [256, 43_000, float("inf")])
def test_a_factor_that_would_end_the_process_is_an_error_that_names_the_layer(shipped, factor):
    bundle, layer = with_factor(shipped, factor)
    with pytest.raises(ModelFileError, match=r"can compute m\.tflite as int8") as caught:
        Interpreter(bundle)
    assert layer in str(caught.value)


def test_kernels_without_xnnpack_take_any_factor(shipped):
    bundle, _ = with_factor(shipped, 256)
    Interpreter(bundle, kernels="BUILTIN_REF")
