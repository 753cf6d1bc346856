"""The network: an encoder, a U-Net decoder, a label head and a mask head."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers, ops

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.encoders.registry import get_encoder
from capsule_inspect.model.heads import HEADS, HeadInputs
from capsule_inspect.modelfile.runtime import IMAGE, LOGITS, MASK_LOGITS
from capsule_inspect.settings.groups import ModelSettings
from capsule_inspect.text import suggest_path

_DEPTHWISE_BOUND = 1.0 / 3.0
"""Initial depthwise weights lie within +-1 / sqrt(9), for a fan-in of 9 taps.

Keras counts all channels as fan-in. Its initial weights are ten times smaller, so that one step at
the decoder's learning rate would change them by a tenth.
"""


@dataclass(frozen=True)
class DecoderOutputs:
    """The features that the decoder returns.

    Attributes:
        fine: Features at the stride of the finest skip, [B, h, w, filters].
        stride8: Features at stride 8, for the label head.
    """

    fine: keras.KerasTensor
    stride8: keras.KerasTensor


def build_decoder(
    features: Sequence[keras.KerasTensor], filters: Sequence[int], dropout: float = 0.0
) -> DecoderOutputs:
    """Merges encoder features from coarse to fine.

    Each level doubles the size, concatenates the skip of that size and applies two separable
    convolutions.

    Args:
        features: Encoder features from fine to coarse; the last at stride 32.
        filters: Channels of each level, from stride 16 to finer strides; one per skip, at
            least two.
        dropout: Share of channels dropped after each level during training.
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
    return DecoderOutputs(fine=x, stride8=levels[1])


def _separable(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    x = layers.SeparableConv2D(
        channels,
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer=keras.initializers.RandomUniform(-_DEPTHWISE_BOUND, _DEPTHWISE_BOUND),
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


_LABEL_STRIDE = 8
"""Stride of the decoder's features and of the mask that the label head reads."""


def build_network(settings: ModelSettings, class_count: int, with_mask: bool = True) -> keras.Model:
    """Builds a network with its initial weights.

    Args:
        settings: Encoder, window, decoder and head.
        class_count: Number of classes, good included.
        with_mask: Whether to add a mask head; it needs true masks to learn from.

    Returns:
        A model from `image` (uint8 RGB, [B, roi.height, roi.width, 3]) to a dict of `logits`
        ([B, classes]) and, with a mask head, `mask_logits` ([B, roi.height / s, roi.width / s,
        classes], background first, s = model.mask_stride), both before the softmax.

    Raises:
        ConfigError: The settings do not fit together, or the weights cannot be loaded.
        MissingExtraError: The ImageNet weights are not installed.
    """
    encoder = get_encoder(settings.encoder)
    shape = (settings.roi.height, settings.roi.width, 3)
    image = keras.Input(shape, dtype="uint8", name=IMAGE)
    features = encoder.build(image)
    levels, most = len(settings.decoder_filters), len(features) - 1
    if levels > most:
        raise ConfigError(
            f"model.decoder_filters has {levels} levels, but {settings.encoder} allows at most "
            f"{most}. Remove entries from the end of the list."
        )
    outputs = {}
    inputs = HeadInputs(features[-3:])
    if with_mask:
        used = features[most - levels :]
        decoded = build_decoder(used, settings.decoder_filters, settings.decoder_dropout)
        outputs[MASK_LOGITS], pooled = _mask_head(decoded, settings, class_count)
        inputs = HeadInputs(features[-3:], decoded.stride8, pooled)
    outputs[LOGITS] = HEADS[settings.head](inputs, settings, class_count)
    network = keras.Model(image, outputs, name="inspector")
    if settings.weights == "imagenet":
        encoder.load_imagenet(network)
    elif settings.weights != "none":
        _load_weights(network, settings.weights)
    return network


def _mask_head(
    decoded: DecoderOutputs, settings: ModelSettings, class_count: int
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns mask logits at `model.mask_stride`, and at stride 8 for the label head."""
    stride = settings.roi.height // decoded.fine.shape[1]
    enlarge = stride // settings.mask_stride
    name = "mask_classes" if enlarge > 1 else MASK_LOGITS
    logits = layers.Conv2D(class_count, 1, name=name)(decoded.fine)
    # Pooled before the softmax: runtimes have no fast int8 softmax, and this leaves a sixteenth of
    # the work.
    pooled = layers.AveragePooling2D(_LABEL_STRIDE // stride, name="head_mask_logits")(logits)
    if enlarge > 1:
        logits = layers.UpSampling2D(enlarge, interpolation="bilinear", name=MASK_LOGITS)(logits)
    return logits, ops.stop_gradient(pooled)


def _load_weights(network: keras.Model, path: str) -> None:
    if not Path(path).is_file():
        raise ConfigError(
            f"The weights file '{path}' does not exist.{suggest_path(Path(path))} "
            "Set model.weights to imagenet, none, or the .weights.h5 file of a network with the "
            "same settings."
        )
    try:
        network.load_weights(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The weights file '{path}' cannot be loaded: {error}. Set model.weights to imagenet, "
            "none, or the .weights.h5 file of a network with the same settings."
        ) from error
