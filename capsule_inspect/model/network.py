"""The whole network: encoder, decoder, mask head and label head."""

from pathlib import Path

import keras
from keras import layers, ops

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.decoder import Decoded, build_decoder
from capsule_inspect.model.encoders import find_encoder
from capsule_inspect.model.heads import HEADS, HeadInputs
from capsule_inspect.modelfile.outputs import IMAGE, LOGITS, MASK_LOGITS
from capsule_inspect.settings.model_settings import ModelSettings
from capsule_inspect.suggest import suggest_path

_LABEL_STRIDE = 8
"""Stride of the features and of the mask that the label head looks at."""


def build_network(settings: ModelSettings, class_count: int, with_mask: bool = True) -> keras.Model:
    """Builds a network with its initial weights.

    Args:
        settings: Encoder, window, decoder and head.
        class_count: Number of classes, good included.
        with_mask: Whether there is a mask head; without true masks there is nothing to teach it.

    Returns:
        A model from `image` (uint8 RGB, [B, roi.height, roi.width, 3]) to a dict of `logits`
        ([B, classes]) and, with a mask head, `mask_logits` ([B, roi.height / s, roi.width / s,
        classes], background first, s = model.mask_stride), both before the softmax.

    Raises:
        ConfigError: The settings do not make a network.
        MissingExtraError: The ImageNet weights are not installed.
    """
    encoder = find_encoder(settings.encoder)
    shape = (settings.roi.height, settings.roi.width, 3)
    image = keras.Input(shape, dtype="uint8", name=IMAGE)
    features = encoder.build(image)
    levels, most = len(settings.decoder_filters), len(features) - 1
    if levels > most:
        raise ConfigError(
            f"model.decoder_filters must name at most {most} levels for {settings.encoder}, from "
            f"stride 16 to the finest, but names {levels}."
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
    decoded: Decoded, settings: ModelSettings, class_count: int
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns the mask's logits at `model.mask_stride`, and those at stride 8 for the label."""
    stride = settings.roi.height // decoded.fine.shape[1]
    enlarge = stride // settings.mask_stride
    name = "mask_classes" if enlarge > 1 else MASK_LOGITS
    logits = layers.Conv2D(class_count, 1, name=name)(decoded.fine)
    # Pooled before the softmax, not after: runtimes have no fast int8 softmax, and this is a
    # sixteenth of the work.
    pooled = layers.AveragePooling2D(_LABEL_STRIDE // stride, name="head_mask_logits")(logits)
    if enlarge > 1:
        logits = layers.UpSampling2D(enlarge, interpolation="bilinear", name=MASK_LOGITS)(logits)
    return logits, ops.stop_gradient(pooled)


def _load_weights(network: keras.Model, path: str) -> None:
    if not Path(path).is_file():
        raise ConfigError(
            f"There is no file of weights '{path}'.{suggest_path(Path(path))} model.weights can be "
            "imagenet, none, or the .weights.h5 file of a network with the same settings."
        )
    try:
        network.load_weights(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"model.weights='{path}' cannot be loaded: {error}. It can be imagenet, none, or the "
            ".weights.h5 file of a network with the same settings."
        ) from error
