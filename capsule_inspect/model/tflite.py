"""Conversion of Keras networks by TensorFlow's converter."""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import keras

from capsule_inspect.modelfile.runtime import IMAGE, without_info_lines


def convert_to_tflite(
    network: keras.Model, set_options: Callable[[Any], None] | None = None
) -> bytes:
    """Converts a network to a flatbuffer that takes one uint8 window.

    Args:
        network: Keras model from `image` to a dict of outputs, whose names it keeps.
        set_options: Sets the options of a `tf.lite.TFLiteConverter`; without it, the flatbuffer
            computes in float32.
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
        return bytes(converter.convert())
