"""The network: an encoder, a decoder, a label head and a mask head."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
from keras import layers, ops

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.decoders import Decoded, subpixel, unet
from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.model.encoders.registry import get_encoder
from capsule_inspect.model.heads import HEADS, HeadInputs
from capsule_inspect.modelfile.runtime import IMAGE, LOGITS, MASK_LOGITS
from capsule_inspect.settings.groups import ModelSettings
from capsule_inspect.text import suggest_path

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
    outputs = {}
    inputs = HeadInputs(features[-1], normalize(features[-4:]))
    if with_mask:
        decoded = _decode(features, inputs.normalized, settings, class_count)
        outputs[MASK_LOGITS], pooled = _mask_head(decoded, settings)
        inputs = replace(inputs, decoded=decoded.stride8, mask_logits=pooled)
    outputs[LOGITS] = HEADS[settings.head](inputs, settings, class_count)
    network = keras.Model(image, outputs, name="inspector")
    if settings.weights == "imagenet":
        encoder.load_imagenet(network)
    elif settings.weights != "none":
        _load_weights(network, settings.weights)
    return network


def encoder_features(network: keras.Model) -> tuple[keras.KerasTensor, ...]:
    """Returns the encoder's outputs that decoder and heads read, from fine to coarse.

    Args:
        network: Built by `build_network` or loaded.
    """
    found: dict[int, keras.KerasTensor] = {}
    for layer in network.layers:
        if not layer.name.startswith(PREFIX):
            for tensor in _inputs(layer):
                if tensor._keras_history.operation.name.startswith(PREFIX):
                    found[id(tensor)] = tensor
    return tuple(sorted(found.values(), key=lambda tensor: -tensor.shape[1]))


def _inputs(layer: keras.layers.Layer) -> Sequence[keras.KerasTensor]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def without_encoder(network: keras.Model) -> keras.Model:
    """Returns decoder and heads as a model from the encoder's features; it shares all weights.

    Args:
        network: Built by `build_network` or loaded.
    """
    return keras.Model(list(encoder_features(network)), network.output, name="decoder_and_heads")


FEATURE_NORMS = "features_"
"""Prefix of the names of the layers that normalize the encoder's features."""


def normalize(features: Sequence[keras.KerasTensor]) -> tuple[keras.KerasTensor, ...]:
    """Returns features in standard deviations, halved, within 3 on either side of their mean."""
    normalized = []
    for level, values in enumerate(reversed(features)):
        name = f"{FEATURE_NORMS}{32 >> level}"
        x = layers.BatchNormalization(center=False, scale=False, name=f"{name}_norm")(values)
        # ReLU6 is the one clip that is free in int8 runtimes. Centred again, since inputs offset by
        # 3 would make the next layer barely trainable.
        normalized.append(layers.ReLU(6.0, name=f"{name}_clip")(0.5 * x + 3.0) - 3.0)
    return tuple(reversed(normalized))


def _decode(
    features: Sequence[keras.KerasTensor],
    normalized: Sequence[keras.KerasTensor],
    settings: ModelSettings,
    class_count: int,
) -> Decoded:
    levels, most = len(settings.decoder_filters), len(features) - 1
    if settings.decoder == "subpixel":
        if levels != 2:
            raise ConfigError(
                f"model.decoder_filters has {levels} levels, but the decoder subpixel needs 2: "
                "the channels at strides 16 and 8."
            )
        return subpixel(normalized, settings, class_count)
    if levels > most:
        raise ConfigError(
            f"model.decoder_filters has {levels} levels, but {settings.encoder} allows at most "
            f"{most}. Remove entries from the end of the list."
        )
    return unet(features[most - levels :], settings, class_count)


def _mask_head(
    decoded: Decoded, settings: ModelSettings
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns mask logits at `model.mask_stride`, and at stride 8 for the label head."""
    logits = decoded.logits
    stride = settings.roi.height // logits.shape[1]
    # Pooled before the softmax: runtimes have no fast int8 softmax, and this leaves a sixteenth of
    # the work.
    pooled = layers.AveragePooling2D(_LABEL_STRIDE // stride, name="head_mask_logits")(logits)
    enlarge = stride // settings.mask_stride
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
