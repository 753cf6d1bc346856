"""A light U-Net decoder."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

_DEPTHWISE = 1.0 / 3.0
"""Bound of a depthwise kernel's first values, 1 / sqrt(9), as for a fan-in of 9 taps.

Keras takes all channels for the fan-in, and so begins ten times smaller: of such kernels a step at
the decoder's learning rate is a tenth.
"""


@dataclass(frozen=True)
class Decoded:
    """What the decoder makes of the encoder's features.

    Attributes:
        fine: Features at the stride of the finest skip, [B, h, w, filters].
        stride8: Features at stride 8, for the label head.
    """

    fine: keras.KerasTensor
    stride8: keras.KerasTensor


def build_decoder(
    features: Sequence[keras.KerasTensor], filters: Sequence[int], dropout: float = 0.0
) -> Decoded:
    """Merges encoder features from coarse to fine.

    Each level doubles the size, joins the skip of that size and applies two separable convolutions.

    Args:
        features: From fine to coarse; the last at stride 32.
        filters: Channels of each level, from stride 16 down; one for each skip, at least two.
        dropout: Share of whole channels dropped after each level in training.
    """
    *skips, x = features
    levels = []
    for level, (skip, channels) in enumerate(zip(reversed(skips), filters, strict=True)):
        name = f"decoder_{level}"
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_up")(x)
        x = layers.Concatenate(name=f"{name}_join")([x, skip])
        for repeat in (0, 1):
            x = _separable(x, channels, f"{name}_{repeat}")
        if dropout:
            x = layers.SpatialDropout2D(dropout, name=f"{name}_dropout")(x)
        levels.append(x)
    return Decoded(fine=x, stride8=levels[1])


def _separable(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    x = layers.SeparableConv2D(
        channels,
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer=keras.initializers.RandomUniform(-_DEPTHWISE, _DEPTHWISE),
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)
