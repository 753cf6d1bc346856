"""The interface of encoders, freezing them, and rounding their kernels to int8."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

PREFIX = "encoder_"
"""Prefix of the names of all encoder layers; freezing and the optimizer rely on it."""


class Encoder(Protocol):
    """The pretrained part of a network."""

    def build(self, image: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Applies the encoder, including the scaling of the pixels.

        Args:
            image: uint8 RGB, [B, H, W, 3]; H and W divisible by 32.

        Returns:
            Features from fine to coarse: the stride doubles from one to the next and ends at 32.
        """
        ...

    def load_imagenet(self, network: keras.Model) -> None:
        """Loads the ImageNet weights into the encoder layers of a network.

        Raises:
            MissingExtraError: The package with the weights is not installed.
            ConfigError: The weights cannot be downloaded.
            ModelFileError: The weights do not fit the encoder.
        """
        ...


def set_encoder_trainable(network: keras.Model, trainable: bool) -> None:
    """Freezes or unfreezes the encoder of a network; compile the network afterwards.

    Batch norms stay frozen: over a hundred channels of the pretrained encoders have near-zero
    variance, and statistics of small batches would diverge.
    """
    for layer in network.layers:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if layer.name.startswith(PREFIX) and not is_norm:
            layer.trainable = trainable


_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)


def round_kernels(network: keras.Model, windows: NDArray[np.uint8]) -> None:
    """Rounds the encoder's kernels to 255 levels per output channel, as int8 export does.

    Decoder and heads then train on the features that the int8 file will give them. Rounding shifts
    the mean of each channel; layer by layer, the bias or the batch norm's mean compensates (Nagel
    et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019). Without
    that, a single early layer, whose norm amplifies small differences, changes the features at
    stride 16 by a fifth.

    Args:
        network: The whole network; only its encoder changes.
        windows: uint8 [n, H, W, 3], a few training windows.
    """
    convolutions = [layer for layer in network.layers if _is_rounded(layer)]
    norms = {
        id(layer.input): layer
        for layer in network.layers
        if isinstance(layer, layers.BatchNormalization)
    }
    before = _means(network, convolutions, windows)
    outputs = [network.input, *(layer.output for layer in convolutions)]
    needed = [_nearest(layer.input, outputs) for layer in convolutions]
    values = {id(network.input): np.asarray(windows)}
    for place, layer in enumerate(convolutions):
        inputs = np.asarray(_evaluate(layer.input, needed[place], values), np.float32)
        kernel, *rest = layer.get_weights()
        layer.set_weights([_rounded(kernel, isinstance(layer, layers.DepthwiseConv2D)), *rest])
        output = np.asarray(layer(inputs))
        shift = output.mean(axis=(0, 1, 2)) - before[layer.name]
        if layer.use_bias:
            layer.bias.assign_sub(shift)
            output = output - shift
        elif id(layer.output) in norms:
            norms[id(layer.output)].moving_mean.assign_add(shift)
        values[id(layer.output)] = output
        still_needed = {id(tensor) for later in needed[place + 1 :] for tensor in later}
        values = {key: value for key, value in values.items() if key in still_needed}


def _nearest(
    tensor: keras.KerasTensor, known: Sequence[keras.KerasTensor]
) -> list[keras.KerasTensor]:
    """Returns those of the known tensors that a tensor is computed from with no other between."""
    found, seen, queue = [], set(), [tensor]
    while queue:
        current = queue.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if any(current is each for each in known):
            found.append(current)
        else:
            operation = current._keras_history.operation
            queue += keras.tree.flatten(operation.input)
    return found


def _evaluate(
    tensor: keras.KerasTensor,
    needed: Sequence[keras.KerasTensor],
    values: Mapping[int, NDArray[Any]],
) -> Any:
    """Returns the value of a tensor, computed from those of the tensors that it needs."""
    known = [values[id(each)] for each in needed]
    if needed[0] is tensor:
        return known[0]
    return keras.Model(list(needed), tensor)(known, training=False)


def _is_rounded(layer: keras.layers.Layer) -> bool:
    return layer.name.startswith(PREFIX) and isinstance(layer, _CONVOLUTIONS)


def _rounded(kernel: NDArray[np.float32], depthwise: bool) -> NDArray[np.float32]:
    axes = (0, 1) if depthwise else (0, 1, 2)
    step = np.abs(kernel).max(axis=axes, keepdims=True) / 127
    step = np.where(step > 0, step, 1)  # a channel of zeros
    return np.asarray(np.round(kernel / step) * step, np.float32)


def _means(
    network: keras.Model, convolutions: Sequence[keras.layers.Layer], windows: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
    """Returns the mean output of each channel, [channels], by layer name."""
    means = {layer.name: ops.mean(layer.output, axis=(0, 1, 2)) for layer in convolutions}
    probe = keras.Model(network.input, means)
    # One at a time: Keras holds the outputs of all layers.
    found = [probe(window[None], training=False) for window in windows]
    return {
        name: np.mean([np.asarray(each[name], np.float32) for each in found], axis=0)
        for name in means
    }
