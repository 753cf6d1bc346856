"""The network: an encoder, a decoder, a label head and a mask head."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count, takewhile

import keras
from keras import layers, ops

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.decoders import MASK_CLASSES, Decoded, subpixel, unet
from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.model.encoders.registry import get_encoder
from capsule_inspect.model.heads import HEADS, HeadInputs, average
from capsule_inspect.model.start_weights import start_from
from capsule_inspect.modelfile.runtime import IMAGE, LOGITS, MASK_LOGITS
from capsule_inspect.settings.groups import ModelSettings

_LABEL_STRIDE = 8
"""Stride of the decoder's features and of the mask that the label head reads."""


def build_network(
    settings: ModelSettings,
    class_count: int,
    with_mask: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> keras.Model:
    """Builds a network with its initial weights.

    Args:
        settings: Encoder, window, decoder and head.
        class_count: Number of classes, good included.
        with_mask: Whether to add a mask head; it needs true masks to learn from.
        say: Told in a sentence which layers of another network did not fit.

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
    normalized = normalize(features[-4:])
    members = [
        HeadInputs(_prefix(number), features[-1], normalized) for number in range(settings.members)
    ]
    if with_mask:
        decoded = [
            _decode(features, normalized, settings, class_count, member.prefix)
            for member in members
        ]
        mask = average([each.logits for each in decoded], f"{MASK_CLASSES}_mean")
        outputs[MASK_LOGITS] = _enlarge(
            mask, settings.roi.height // settings.mask_stride, MASK_LOGITS
        )
        members = [
            replace(
                member, decoded=own.stride8, mask_logits=_pool(own.logits, settings, member.prefix)
            )
            for member, own in zip(members, decoded, strict=True)
        ]
    logits = HEADS[settings.head](members, settings, class_count)
    outputs[LOGITS] = average(logits, f"{LOGITS}_mean")
    network = keras.Model(image, outputs, name="inspector")
    if settings.weights == "imagenet":
        encoder.load_imagenet(network)
    elif settings.weights != "none":
        start_from(network, settings.weights, say)
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


def as_it_learns(network: keras.Model, on_features: bool) -> keras.Model:
    """Returns a model with an answer of each member; it shares all weights with the network.

    Each member learns from its own errors, so that they stay different: what differs by chance
    cancels out in their mean.

    Args:
        network: Built by `build_network` or loaded.
        on_features: Whether it takes the encoder's features, not pictures.

    Returns:
        A model to a dict of `logits` ([B, members, classes]) and, with a mask head, `mask_logits`
        ([B, members, h, w, classes], as large as the network's).
    """
    names = {layer.name for layer in network.layers}
    prefixes = list(takewhile(lambda prefix: f"{prefix}{LOGITS}" in names, map(_prefix, count())))
    of_member = [network.get_layer(f"{prefix}{LOGITS}").output for prefix in prefixes]
    outputs = {LOGITS: ops.stack(of_member, axis=1)}
    if MASK_LOGITS in network.output:
        height = network.output[MASK_LOGITS].shape[1]
        masks = [
            _enlarge(
                network.get_layer(f"{prefix}{MASK_CLASSES}").output, height, f"{prefix}enlarged"
            )
            for prefix in prefixes
        ]
        outputs[MASK_LOGITS] = ops.stack(masks, axis=1)
    inputs = list(encoder_features(network)) if on_features else network.input
    return keras.Model(inputs, outputs, name="members")


def _prefix(number: int) -> str:
    """Returns how the names of a member's layers begin."""
    return f"member{number}_" if number else ""


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
    prefix: str,
) -> Decoded:
    levels, most = len(settings.decoder_filters), len(features) - 1
    if settings.decoder == "subpixel":
        if levels != 2:
            raise ConfigError(
                f"model.decoder_filters has {levels} levels, but the decoder subpixel needs 2: "
                "the channels at strides 16 and 8."
            )
        return subpixel(normalized, settings, class_count, prefix)
    if levels > most:
        raise ConfigError(
            f"model.decoder_filters has {levels} levels, but {settings.encoder} allows at most "
            f"{most}. Remove entries from the end of the list."
        )
    return unet(features[most - levels :], settings, class_count, prefix)


def _pool(logits: keras.KerasTensor, settings: ModelSettings, prefix: str) -> keras.KerasTensor:
    """Returns mask logits at stride 8, for the label head, which does not train them.

    Pooled before the softmax: runtimes have no fast int8 softmax, and this leaves a sixteenth of
    the work.
    """
    size = logits.shape[1] * _LABEL_STRIDE // settings.roi.height
    name = f"{prefix}head_mask_logits"
    return ops.stop_gradient(layers.AveragePooling2D(size, name=name)(logits))


def _enlarge(mask: keras.KerasTensor, height: int, name: str) -> keras.KerasTensor:
    """Returns mask logits of a height, if need be by a layer of the given name.

    Raises:
        ConfigError: The decoder ends with more rows.
    """
    times = height // mask.shape[1]
    if times == 1:
        return mask
    if times == 0:
        raise ConfigError(
            f"model.decoder_filters has so many levels that the decoder ends with {mask.shape[1]} "
            f"rows, but model.mask_stride asks for {height}. Remove entries from the end of the "
            "list, or set a smaller mask_stride."
        )
    return layers.UpSampling2D(times, interpolation="bilinear", name=name)(mask)
