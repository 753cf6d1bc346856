"""What every encoder can do, and freezing one."""

from typing import Protocol

import keras

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
