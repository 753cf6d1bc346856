"""Conversion of Keras networks by TensorFlow's converter."""

import contextlib
import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras

from capsule_inspect.modelfile.runtime import IMAGE, without_info_lines


def convert_to_tflite(
    network: keras.Model,
    set_options: Callable[[Any], None] | None = None,
    float_operators: Sequence[str] = (),
) -> bytes:
    """Converts a network to a flatbuffer that takes one uint8 window.

    Args:
        network: Keras model from `image` to a dict of outputs, whose names it keeps.
        set_options: Sets the options of a `tf.lite.TFLiteConverter`; without it, the flatbuffer
            computes in float32.
        float_operators: TFLite operators that an int8 flatbuffer computes in float32, such as
            `SOFTMAX`; only with options that ask for int8.
    """
    import tensorflow as tf

    image = keras.Input(batch_shape=(1, *network.input_shape[1:]), dtype="uint8", name=IMAGE)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, network(image)))
    if set_options:
        set_options(converter)
    # Keras's exporter prints hundreds of lines of variable handles.
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        without_info_lines(),
    ):
        warnings.simplefilter("ignore")
        if float_operators:
            return _quantize_all_but(converter, float_operators)
        return bytes(converter.convert())


def _quantize_all_but(converter: Any, operators: Sequence[str]) -> bytes:
    """Quantizes to int8, but for some operators; only the debugger of TensorFlow can do that."""
    import tensorflow as tf

    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(operators))
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=converter.representative_dataset, debug_options=options
    )
    return bytes(debugger.get_nondebug_quantized_model())
