"""Keras → TensorFlow Lite."""

import contextlib
import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.modelfile.outputs import FEATURES, IMAGE
from capsule_inspect.modelfile.without_info_lines import without_info_lines


def convert(network: Any, quantization: str, calibration: Sequence[NDArray[np.uint8]]) -> bytes:
    """Converts a network to a flatbuffer that takes one uint8 picture.

    Args:
        network: Keras model from `image` to a dict of outputs; its names survive.
        quantization: One of `QUANTIZATIONS`.
        calibration: Windows uint8 [H, W, 3] that int8 activation ranges are measured on.

    Returns:
        A TensorFlow Lite flatbuffer with the signature `image` → `logits`, `mask_logits` and
        `features`, by which pictures unlike those of the training are told.
    """
    import tensorflow as tf  # noqa: I001  (TensorFlow before Keras, or the converter loses weights)
    import keras

    from capsule_inspect.model.pool_features import pool_features

    image = keras.Input(batch_shape=(1, *network.input_shape[1:]), dtype="uint8", name=IMAGE)
    # One network for all outputs, or the encoder would run twice.
    whole = keras.Model(network.input, {**network.output, FEATURES: pool_features(network)})
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, whole(image)))
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif quantization == "dynamic":
        # tflite-runtime 2.14 does not know the newer operator that per-channel Dense needs.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    elif quantization == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: _feed(calibration)
    # Keras's exporter prints hundreds of lines of variable handles.
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        without_info_lines(),
    ):
        warnings.simplefilter("ignore")
        return bytes(converter.convert())


def _feed(windows: Iterable[NDArray[np.uint8]]) -> Iterator[dict[str, NDArray[np.uint8]]]:
    for window in windows:
        yield {IMAGE: window[None]}
