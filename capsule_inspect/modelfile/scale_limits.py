"""The limits of int8 scales, beyond which the kernels of XNNPACK end the whole process."""

from typing import Any

from capsule_inspect.errors import ModelFileError

_TOO_LARGE = 256
"""A convolution multiplies its whole sums by `input scale · weight scale / output scale`. XNNPACK
takes no factor of 256 or more: LiteRT 2.1 then raises an error, and 2.2 and 2.3 free memory twice.
Only networks that have hardly learnt, or broken ones, have outputs that small."""

_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


def require_possible_scales(interpreter: Any, name: str) -> None:
    """Requires scales that XNNPACK can compute with.

    Args:
        interpreter: A LiteRT interpreter, before it allocates its tensors.
        name: The model file's name, for messages.

    Raises:
        ModelFileError: A convolution has an output too small for its inputs.
    """
    # A sequence of scales for each tensor: none for floats, one, or one for each channel.
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    scales = {
        index: tensor["quantization_parameters"]["scales"] for index, tensor in tensors.items()
    }
    for operator in interpreter._get_ops_details():
        if operator["op_name"] not in _CONVOLUTIONS:
            continue
        picture, weights = operator["inputs"][:2]
        out = operator["outputs"][0]
        if min(len(scales[index]) for index in (picture, weights, out)) == 0:
            continue
        if not (scales[picture] * scales[weights] < _TOO_LARGE * scales[out]).all():
            layer = tensors[out]["name"].split(";")[-1]
            raise ModelFileError(
                f"No runtime can compute {name} as int8: the output of its layer {layer} is too "
                "small beside the input. So the network has hardly learnt anything: train it "
                "longer, or export it as float16."
            )
