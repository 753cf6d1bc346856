"""Decoders: they merge the encoder's features from coarse to fine, and predict the mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
from keras import layers

from capsule_inspect.settings.groups import ModelSettings

_DEPTHWISE_BOUND = 1.0 / 3.0
"""Initial depthwise weights lie within +-1 / sqrt(9), for a fan-in of 9 taps.

Keras counts all channels as fan-in. Its initial weights are ten times smaller, so that one step at
the decoder's learning rate would change them by a tenth.
"""

MASK_CLASSES = "mask_classes"
"""How the name of the layer that gives the logits ends."""

_MOMENTUM = 0.9
"""Of the batch norms' statistics; they are estimated anew for the averaged weights."""


@dataclass(frozen=True)
class Decoded:
    """What a decoder returns.

    Attributes:
        logits: Logits of background and the defect classes, [B, h, w, classes], at the decoder's
            finest stride.
        stride8: Features at stride 8, for the label head.
    """

    logits: keras.KerasTensor
    stride8: keras.KerasTensor


Decoder = Callable[[Sequence[keras.KerasTensor], ModelSettings, int, str], Decoded]
"""Decodes the encoder's features, from fine to coarse; the last three are at strides 8, 16, 32. The
text begins the names of all its layers."""


def unet(
    features: Sequence[keras.KerasTensor],
    settings: ModelSettings,
    class_count: int,
    prefix: str = "",
) -> Decoded:
    """Doubles the size level by level, each time joining the encoder's features of that size.

    A level is two separable convolutions (Ronneberger et al., "U-Net", 2015, with full ones).

    Args:
        features: One level more than `model.decoder_filters` has.
        settings: Channels of each level, and the share of them that training drops.
        class_count: Number of classes, background first.
        prefix: Begins the names of the layers.
    """
    *skips, x = features
    levels = []
    for level, (skip, channels) in enumerate(
        zip(reversed(skips), settings.decoder_filters, strict=True)
    ):
        name = f"{prefix}decoder_{level}"
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_up")(x)
        x = layers.Concatenate(name=f"{name}_join")([x, skip])
        x = _two_separable(x, channels, settings.decoder_dropout, name)
        levels.append(x)
    logits = layers.Conv2D(class_count, 1, name=f"{prefix}{MASK_CLASSES}")(x)
    return Decoded(logits, stride8=levels[1])


def subpixel(
    features: Sequence[keras.KerasTensor],
    settings: ModelSettings,
    class_count: int,
    prefix: str = "",
) -> Decoded:
    """Works at strides 16 and 8, and predicts 2 by 2 mask pixels at each place of stride 8.

    Sums of 1 x 1 convolutions join the levels, as in feature pyramids (Lin et al., 2017); those at
    stride 4 enter and leave by 2 x 2 kernels with stride 2 (Shi et al., "Sub-Pixel Convolution",
    2016). A training step takes a third of a U-Net's.

    Args:
        features: Normalized features at strides 4, 8, 16 and 32.
        settings: Channels at strides 16 and 8, and the share of them that training drops.
        class_count: Number of classes, background first.
        prefix: Begins the names of the layers.
    """
    stride4, stride8, stride16, stride32 = features
    coarse, fine = settings.decoder_filters
    dropout, name = settings.decoder_dropout, f"{prefix}decoder"
    top = _activate(_project(stride32, coarse, f"{name}_32"), f"{name}_32")
    x = layers.Add(name=f"{name}_16_join")([_double(top), _project(stride16, coarse, f"{name}_16")])
    x = _two_separable(_activate(x, f"{name}_16_join"), coarse, dropout, f"{name}_16")
    x = layers.Add(name=f"{name}_8_join")(
        [
            _double(_project(x, fine, f"{name}_16_out")),
            _project(stride8, fine, f"{name}_8"),
            _project(stride4, fine, f"{name}_4", stride=2),
        ]
    )
    x = _two_separable(_activate(x, f"{name}_8_join"), fine, dropout, f"{name}_8")
    logits = layers.Conv2DTranspose(class_count, 2, strides=2, name=f"{prefix}{MASK_CLASSES}")(x)
    return Decoded(logits, stride8=x)


DECODERS: dict[str, Decoder] = {"subpixel": subpixel, "unet": unet}
"""The decoders by name, as `choices.DECODERS` lists them."""


def _double(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.UpSampling2D(2, interpolation="bilinear")(x)


def _project(x: keras.KerasTensor, channels: int, name: str, stride: int = 1) -> keras.KerasTensor:
    return layers.Conv2D(channels, stride, stride, use_bias=False, name=f"{name}_conv")(x)


def _activate(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _two_separable(
    x: keras.KerasTensor, channels: int, dropout: float, name: str
) -> keras.KerasTensor:
    for repeat in (0, 1):
        x = _separable(x, channels, f"{name}_{repeat}")
    return layers.SpatialDropout2D(dropout, name=f"{name}_dropout")(x) if dropout else x


def _separable(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    x = layers.SeparableConv2D(
        channels,
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer=keras.initializers.RandomUniform(-_DEPTHWISE_BOUND, _DEPTHWISE_BOUND),
        name=f"{name}_conv",
    )(x)
    return _activate(x, name)
