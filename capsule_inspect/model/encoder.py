"""What every encoder can do, and freezing one."""

from typing import Protocol

import keras
import numpy as np

PREFIX = "encoder_"
"""Names of all encoder layers start with this; the optimizer and `set_trainable` go by it."""


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


def set_trainable(network: keras.Model, trainable: bool) -> None:
    """Freezes or thaws the encoder of a network; compile it afterwards.

    Batch norms stay frozen: over a hundred channels of the pretrained encoders have near-zero
    variance, and statistics of small batches would blow up.
    """
    for layer in network.layers:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if layer.name.startswith(PREFIX) and not is_norm:
            layer.trainable = trainable


def round_kernels(network: keras.Model) -> None:
    """Rounds the encoder's kernels to what int8 holds of them: 255 steps for each output channel.

    For an encoder that stays frozen: decoder and heads then learn from the features that an int8
    file will show them, instead of meeting them when exported. It halves the distance between the
    outputs of network and file (`experiments/README.md`).
    """
    depthwise = keras.layers.DepthwiseConv2D
    for layer in network.layers:
        convolves = isinstance(layer, (keras.layers.Conv2D, depthwise))
        if not convolves or not layer.name.startswith(PREFIX):
            continue
        kernel, *rest = layer.get_weights()
        axes = (0, 1) if isinstance(layer, depthwise) else (0, 1, 2)
        step = np.abs(kernel).max(axis=axes, keepdims=True) / 127
        step = np.where(step > 0, step, 1)  # a channel of zeros
        layer.set_weights([np.round(kernel / step) * step, *rest])
