"""The network that knows good pictures alone: it scores how far each place is from normal.

Two scores of the frozen encoder's features complement each other:

- *The distance from the place's mean*, in standard deviations: the features are whitened by one
  covariance for all places, and each place has its own means and variances. That is PaDiM (Defard
  et al., ICPR Workshops 2020) with the covariances pooled, so that they fit into a small file.
- *The distance to the nearest of many prototypes*, wherever they were seen, after PatchCore (Roth
  et al., CVPR 2022).

Both are in units of what good pictures reach, and their sum is the score of the place. The score of
the picture is the mean of its highest places.
"""

from typing import Final

import keras
from keras import layers, ops

from capsule_inspect.model.encoders.registry import get_encoder
from capsule_inspect.model.heads import mean_of_nine
from capsule_inspect.modelfile.runtime import FEATURES, IMAGE, LOGITS, MASK_LOGITS
from capsule_inspect.settings.groups import ModelSettings

WHITEN: Final = "normal_whiten"
PLACES: Final = "normal_places"
PROTOTYPES: Final = "normal_prototypes"
MAP: Final = "normal_map"
SCORE: Final = "normal_score"
"""Names of the layers whose weights `training.normality` sets."""

STRIDES: Final = (8, 16)
"""Strides of the features; the map has a place for each at the finer one."""
HIGHEST: Final = 10
"""Number of places whose mean is the score of a picture."""
CENTRE: Final = 3.0
"""The features' mean after clipping; they have half a standard deviation for a unit."""


def feature_norm(stride: int) -> str:
    """Returns the name of the layer that normalizes the features at a stride."""
    return f"normal_{stride}_norm"


def build_normality_network(settings: ModelSettings, prototypes: int) -> keras.Model:
    """Builds a network whose statistics are still to be set.

    Args:
        settings: Encoder and window.
        prototypes: Number of prototypes.

    Returns:
        A model from `image` (uint8 RGB, [B, roi.height, roi.width, 3]) to a dict of `logits`
        ([B, 2]: good and anomaly), `mask_logits` ([B, roi.height / 8, roi.width / 8, 2]) and
        `features` ([B, channels]). Good and background are always 0.

    Raises:
        ConfigError: The encoder is unknown, or its weights cannot be had.
        MissingExtraError: The ImageNet weights are not installed.
    """
    encoder = get_encoder(settings.encoder)
    shape = (settings.roi.height, settings.roi.width, 3)
    image = keras.Input(shape, dtype="uint8", name=IMAGE)
    fine, coarse = encoder.build(image)[-3:-1]
    outputs = _score(_normalize(fine, STRIDES[0]), _normalize(coarse, STRIDES[1]), prototypes)
    outputs[FEATURES] = layers.GlobalAveragePooling2D(name=FEATURES)(coarse)
    network = keras.Model(image, outputs, name="normality")
    if settings.weights == "imagenet":
        encoder.load_imagenet(network)
    network.trainable = False
    return network


def is_normality(network: keras.Model) -> bool:
    """Tells whether a network knows good pictures alone."""
    return any(layer.name == MAP for layer in network.layers)


def statistics_inputs(network: keras.Model) -> keras.Model:
    """Returns the model from the encoder's features to what the statistics are of.

    Args:
        network: Built by `build_normality_network`, with its norms set.

    Returns:
        A model from the features at `STRIDES` to a dict of `places` ([B, places, channels]) and
        `grid` ([B, places at the coarser stride, channels]).
    """
    levels = [network.get_layer(feature_norm(stride)).input for stride in STRIDES]
    outputs = {
        "places": network.get_layer(WHITEN).input,
        "grid": network.get_layer(PROTOTYPES).input,
    }
    return keras.Model(levels, outputs)


def _normalize(features: keras.KerasTensor, stride: int) -> keras.KerasTensor:
    """Returns features in two standard deviations a unit, averaged with their neighbours."""
    norm = layers.BatchNormalization(
        gamma_initializer=keras.initializers.Constant(0.5),
        beta_initializer=keras.initializers.Constant(CENTRE),
        name=feature_norm(stride),
    )
    clipped = layers.ReLU(6.0, name=f"normal_{stride}_clip")(norm(features))
    return mean_of_nine(clipped, f"normal_{stride}_smooth")


def _score(
    fine: keras.KerasTensor, coarse: keras.KerasTensor, prototypes: int
) -> dict[str, keras.KerasTensor]:
    _, height, width, _ = fine.shape
    enlarged = layers.UpSampling2D(2, interpolation="bilinear", name="normal_enlarged")(coarse)
    places = _flatten(layers.Concatenate(name="normal_fine")([fine, enlarged]), "normal_flat")
    shrunk = layers.AveragePooling2D(2, name="normal_shrunk")(fine)
    grid = layers.Concatenate(name="normal_coarse")([shrunk, coarse])
    both = ops.stack([_from_places(places), _from_prototypes(grid, prototypes)], axis=-1)
    scores = layers.Dense(2, name=MAP)(both)
    highest, _ = ops.top_k(scores[..., 1], HIGHEST)
    score = ops.mean(highest, axis=-1, keepdims=True)
    return {
        LOGITS: layers.Dense(2, name=SCORE)(score),
        MASK_LOGITS: layers.Reshape((height, width, 2), name="normal_logits")(scores),
    }


def _flatten(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    _, height, width, channels = x.shape
    return layers.Reshape((height * width, channels), name=name)(x)


def _from_places(places: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the distance from the place's means, [B, places]."""
    whitened = layers.Dense(places.shape[-1], use_bias=False, name=WHITEN)(places)
    deviations = layers.Normalization(axis=(1, 2), name=PLACES)(whitened)
    return ops.sqrt(ops.mean(ops.square(deviations), axis=-1))


def _from_prototypes(grid: keras.KerasTensor, prototypes: int) -> keras.KerasTensor:
    """Returns the distance to the nearest prototype, enlarged to [B, places].

    |x - p|^2 = |x|^2 - (2 x p - |p|^2), so a dense layer finds the nearest: its kernel holds twice
    the prototypes, its biases their squared lengths, negative.
    """
    _, height, width, _ = grid.shape
    centred = _flatten(grid, "normal_grid") - CENTRE
    nearness = layers.Dense(prototypes, name=PROTOTYPES)(centred)
    squares = ops.sum(ops.square(centred), axis=-1) - ops.max(nearness, axis=-1)
    distances = ops.sqrt(ops.maximum(squares, 0.0))
    small = layers.Reshape((height, width, 1), name="normal_distances")(distances)
    large = layers.UpSampling2D(2, interpolation="bilinear", name="normal_distances_fine")(small)
    return layers.Reshape((4 * height * width,), name="normal_distances_flat")(large)
