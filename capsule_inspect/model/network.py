"""The whole network: encoder, decoder, mask head and label head."""

import keras
from keras import layers, ops

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.decoder import Decoded, build_decoder
from capsule_inspect.model.encoders import find_encoder
from capsule_inspect.settings import ModelSettings


def build_network(settings: ModelSettings, class_count: int) -> keras.Model:
    """Builds a network with its initial weights.

    Args:
        settings: Encoder, window, decoder and head.
        class_count: Number of classes, good included.

    Returns:
        A model from `image` (uint8 RGB, [B, roi.height, roi.width, 3]) to a dict of `logits`
        ([B, classes]) and `mask_logits` ([B, roi.height / 2, roi.width / 2, classes], background
        first), both before the softmax.

    Raises:
        ConfigError: The settings do not make a network.
        MissingExtraError: The ImageNet weights are not installed.
    """
    _check(settings)
    encoder = find_encoder(settings.encoder)
    shape = (settings.roi.height, settings.roi.width, 3)
    image = keras.Input(shape, dtype="uint8", name="image")
    scaled = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(image)
    features = encoder.build(scaled)
    decoded = build_decoder(features, settings.decoder_filters)
    mask_logits = layers.Conv2D(class_count, 1, name="mask_logits")(decoded.fine)
    logits = _label_head(features[-1], decoded, mask_logits, settings, class_count)
    network = keras.Model(image, {"logits": logits, "mask_logits": mask_logits}, name="inspector")
    if settings.weights == "imagenet":
        encoder.load_imagenet(network)
    elif settings.weights != "none":
        _load_weights(network, settings.weights)
    return network


def _load_weights(network: keras.Model, path: str) -> None:
    try:
        network.load_weights(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"model.weights='{path}' cannot be loaded: {error}. It can be imagenet, none, or the "
            ".weights.h5 file of a network with the same settings."
        ) from error


def _label_head(
    coarse: keras.KerasTensor,
    decoded: Decoded,
    mask_logits: keras.KerasTensor,
    settings: ModelSettings,
    class_count: int,
) -> keras.KerasTensor:
    """Classifies by the whole picture, by what lies under the predicted defect, and by the mask.

    The mask is looked at, not trained, by the label: its gradient stops here. The three views get a
    layer each whose results are added, since in int8 a concatenation would round the small values
    of one view at the scale of another.
    """
    # Pooled before the softmax, not after: runtimes have no fast int8 softmax, and this is a
    # sixteenth of the work.
    coarse_mask = layers.AveragePooling2D(4, name="head_mask_logits")(mask_logits)
    mask = ops.stop_gradient(ops.softmax(coarse_mask, axis=-1))
    under = layers.AveragePooling2D(3, 1, padding="same", name="head_under")(
        decoded.stride8 * (1.0 - mask[..., :1])
    )
    # The encoder's last projection is linear and tens of units wide: normalize before pooling.
    wide = layers.Conv2D(settings.head_units, 1, use_bias=False, name="head_wide_conv")(coarse)
    wide = layers.BatchNormalization(name="head_wide_norm")(wide)
    views = {
        "whole": layers.GlobalAveragePooling2D(name="head_whole")(
            layers.ReLU(6.0, name="head_wide_relu")(wide)
        ),
        "under_defect": layers.GlobalMaxPooling2D(name="head_under_defect")(under),
        "mask_peak": layers.GlobalMaxPooling2D(name="head_mask_peak")(mask),
        "mask_mean": layers.GlobalAveragePooling2D(name="head_mask_mean")(mask),
    }
    hidden = layers.Add(name="head_sum")(
        [layers.Dense(settings.head_units, name=f"head_{k}_dense")(v) for k, v in views.items()]
    )
    hidden = layers.ReLU(name="head_relu")(hidden)
    hidden = layers.Dropout(settings.head_dropout, name="head_dropout")(hidden)
    return layers.Dense(class_count, name="logits")(hidden)


def _check(settings: ModelSettings) -> None:
    if settings.roi.width % 32 or settings.roi.height % 32:
        raise ConfigError("model.roi.width and model.roi.height must be divisible by 32.")
    if len(settings.decoder_filters) != 4:
        raise ConfigError("model.decoder_filters must name 4 levels, from stride 16 to stride 2.")
