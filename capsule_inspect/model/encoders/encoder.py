"""What an encoder is, and how its kernels are rounded to int8."""

from collections.abc import Sequence
from typing import Protocol

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

PREFIX = "encoder_"
"""Names of all encoder layers start with this; freezing and the optimizer go by it."""


class Encoder(Protocol):
    """The pretrained part of a network."""

    def build(self, image: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Applies the encoder, scaling of the pixels included.

        Args:
            image: uint8 RGB, [B, H, W, 3]; H and W divisible by 32.

        Returns:
            Features from fine to coarse, each at twice the stride of the one before; the last at
            stride 32.
        """
        ...

    def load_imagenet(self, network: keras.Model) -> None:
        """Sets the encoder layers of a network to their ImageNet weights.

        Raises:
            MissingExtraError: The package that ships them is not installed.
            ConfigError: They cannot be downloaded.
            ModelFileError: Their file does not fit.
        """
        ...


def set_encoder_trainable(network: keras.Model, trainable: bool) -> None:
    """Freezes or thaws the encoder of a network; compile it afterwards.

    Batch norms stay frozen: over a hundred channels of the pretrained encoders have near-zero
    variance, and statistics of small batches would blow up.
    """
    for layer in network.layers:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if layer.name.startswith(PREFIX) and not is_norm:
            layer.trainable = trainable


_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)


def round_kernels(network: keras.Model, windows: NDArray[np.uint8]) -> None:
    """Rounds the encoder's kernels to 255 steps for each output channel, as int8 files do.

    Decoder and heads then learn from the features that the file will show them. Each layer's bias,
    or the mean of its batch norm, takes up what rounding changes of the channels' means, layer by
    layer (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
    2019): without it one early layer alone, whose norm enlarges small differences, changes the
    features of stride 16 by a fifth.

    Args:
        network: The whole network; only its encoder changes.
        windows: uint8 [n, H, W, 3], a few of the pictures it will see.
    """
    convolutions = [layer for layer in network.layers if _is_rounded(layer)]
    norms = {
        id(layer.input): layer
        for layer in network.layers
        if isinstance(layer, layers.BatchNormalization)
    }
    before = _means(network, convolutions, windows)
    for layer in convolutions:
        kernel, *rest = layer.get_weights()
        layer.set_weights([_rounded(kernel, isinstance(layer, layers.DepthwiseConv2D)), *rest])
        shift = _means(network, [layer], windows)[layer.name] - before[layer.name]
        if layer.use_bias:
            layer.bias.assign_sub(shift)
        elif id(layer.output) in norms:
            norms[id(layer.output)].moving_mean.assign_add(shift)


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
    """Returns the mean output of each channel, [channels], by the name of the layer."""
    means = {layer.name: ops.mean(layer.output, axis=(0, 1, 2)) for layer in convolutions}
    probe = keras.Model(network.input, means)
    return {name: np.asarray(m, np.float32) for name, m in probe(windows, training=False).items()}
