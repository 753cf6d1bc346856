"""Label heads: they classify the whole capsule."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from capsule_inspect.modelfile.runtime import FEATURES, LOGITS
from capsule_inspect.settings.groups import ModelSettings

WIDE, WHOLE = "head_wide_conv", "head_whole"
"""Names of head layers. The input of the first one that a network has is the features at stride
32."""

ATTENTION = "head_attention"
"""Name of the layer whose output says how much each place at stride 16 counts."""

_MAX_LOG_ODDS = 2.0
"""Cap on the log odds of a defect at one place; without it a single pixel would decide."""


@dataclass(frozen=True)
class HeadInputs:
    """The inputs of a label head.

    Attributes:
        coarse: The encoder's features at stride 32, [B, h, w, channels].
        normalized: Its features at strides 4, 8, 16 and 32, normalized.
        decoded: The decoder's features, [B, H / 8, W / 8, channels]; None without a mask head.
        mask_logits: Logits of background and the defect classes, [B, H / 8, W / 8, classes]; None
            without a mask head. No gradient passes, so the label does not train the mask.
    """

    coarse: keras.KerasTensor
    normalized: tuple[keras.KerasTensor, ...]
    decoded: keras.KerasTensor | None = None
    mask_logits: keras.KerasTensor | None = None


Head = Callable[[HeadInputs, ModelSettings, int], keras.KerasTensor]
"""Builds the logits [B, classes] from the inputs, the settings and the number of classes."""


def views_head(inputs: HeadInputs, settings: ModelSettings, class_count: int) -> keras.KerasTensor:
    """Classifies from three views: the whole picture, the predicted defect, and the mask."""
    return layers.Dense(class_count, name=LOGITS)(_hidden_views(inputs, settings))


def region_head(inputs: HeadInputs, settings: ModelSettings, class_count: int) -> keras.KerasTensor:
    """Detects defects like `views_head`, but classifies them from the defect's region alone.

    1 x 1 convolutions score the encoder's features where the mask head predicts a defect, or
    everywhere without a mask head. Gradients do not train them: `training.region_classifier` sets
    them by linear discriminant analysis once the mask is learned. Until then, all are 0.
    """
    good = layers.Dense(1, name="head_good")(_hidden_views(inputs, settings))
    scores = _class_maps(inputs, class_count - 1)
    if inputs.mask_logits is None:
        defects = layers.GlobalAveragePooling2D(name=REGION)(scores)
    else:
        attention = _attention(inputs.mask_logits)
        weights = attention * (attention.shape[1] * attention.shape[2])
        # A mean, since LiteRT's reference kernel of the int8 sum is wrong: LiteRT issue 4079.
        defects = layers.Identity(name=REGION)(ops.mean(scores * weights, axis=(1, 2)))
    # Relative to the likeliest class: how sure the head is of the class then says nothing of
    # whether there is a defect.
    defects = defects - ops.max(defects, axis=-1, keepdims=True)
    return layers.Concatenate(name=LOGITS)([good, defects])


def mask_pooling_head(
    inputs: HeadInputs, settings: ModelSettings, class_count: int
) -> keras.KerasTensor:
    """Classifies from the mean over the picture and the mean over the predicted defect."""
    x = layers.GlobalAveragePooling2D(name=WHOLE)(inputs.coarse)
    if inputs.decoded is not None and inputs.mask_logits is not None:
        weight = 1.0 - ops.softmax(inputs.mask_logits, axis=-1)[..., :1]
        # Means, since LiteRT's reference kernel of the int8 sum is wrong: LiteRT issue 4079.
        share = ops.mean(weight, axis=(1, 2))
        under = ops.mean(inputs.decoded * weight, axis=(1, 2)) / (share + 1e-9)
        x = layers.Concatenate(name="head_join")([x, under])
    hidden = _hidden_layers(x, settings, first=0)
    return layers.Dense(class_count, name=LOGITS)(hidden)


HEADS: dict[str, Head] = {
    "region": region_head,
    "views": views_head,
    "mask_pooling": mask_pooling_head,
}
"""The heads by name, as `choices.LABEL_HEADS` lists them."""


def _hidden_views(inputs: HeadInputs, settings: ModelSettings) -> keras.KerasTensor:
    """Returns hidden features from all views of the picture, [B, units].

    Each view has its own dense layer, and the results are summed: in int8 a concatenation would
    round the small values of one view at the scale of another.
    """
    units = settings.head_units[0]
    # Normalized before pooling: the encoder ends in a linear layer whose values span tens of units.
    wide = layers.Conv2D(units, 1, use_bias=False, name=WIDE)(inputs.coarse)
    wide = layers.BatchNormalization(name="head_wide_norm")(wide)
    wide = layers.ReLU(6.0, name="head_wide_relu")(wide)
    views = {"whole": layers.GlobalAveragePooling2D(name=WHOLE)(wide)}
    if inputs.decoded is not None and inputs.mask_logits is not None:
        mask = ops.softmax(inputs.mask_logits, axis=-1)
        under = layers.AveragePooling2D(3, 1, padding="same", name="head_under")(
            inputs.decoded * (1.0 - mask[..., :1])
        )
        views["under_defect"] = layers.GlobalMaxPooling2D(name="head_under_defect")(under)
        views["mask_peak"] = layers.GlobalMaxPooling2D(name="head_mask_peak")(mask)
        views["mask_mean"] = layers.GlobalAveragePooling2D(name="head_mask_mean")(mask)
    parts = [layers.Dense(units, name=f"head_{name}_dense")(view) for name, view in views.items()]
    hidden = layers.Add(name="head_sum")(parts) if len(parts) > 1 else parts[0]
    hidden = layers.ReLU(name="head_relu")(hidden)
    hidden = layers.Dropout(settings.head_dropout, name="head_dropout")(hidden)
    return _hidden_layers(hidden, settings, first=1)


REGION_STRIDES = (8, 16, 32)
"""Strides of the features that `region_head` classifies."""
REGION = "head_region"
"""Name of the layer whose output is the score of each defect class."""


def region_layer(stride: int) -> str:
    """Returns the name of the convolution of `region_head` on features at a stride."""
    return f"{REGION}_{stride}_conv"


def _class_maps(inputs: HeadInputs, count: int) -> keras.KerasTensor:
    """Returns a score for each defect class at each place, [B, H / 16, W / 16, count]."""
    scores = []
    for stride, features in zip(REGION_STRIDES, inputs.normalized[1:], strict=True):
        x = layers.Conv2D(
            count,
            1,
            use_bias=stride == 32,
            kernel_initializer="zeros",
            trainable=False,
            name=region_layer(stride),
        )(features)
        scores.append(to_stride16(x, stride, f"{region_layer(stride)}_at_16"))
    return layers.Add(name="head_region_sum")(scores)


def to_stride16(x: keras.KerasTensor, stride: int, name: str) -> keras.KerasTensor:
    """Shrinks or enlarges a map at stride 8 or 32 to stride 16, by a layer of the given name."""
    if stride == 8:
        return layers.AveragePooling2D(2, name=name)(x)
    if stride == 32:
        return layers.UpSampling2D(2, interpolation="bilinear", name=name)(x)
    return x


def _attention(mask_logits: keras.KerasTensor) -> keras.KerasTensor:
    """Returns weights that sum to 1, highest where a defect is likeliest, [B, H / 16, W / 16, 1].

    It is a softmax rather than a division by the mask's area, whose range is too wide for int8.
    """
    odds = ops.max(mask_logits[..., 1:], axis=-1, keepdims=True) - mask_logits[..., :1]
    odds = layers.MaxPooling2D(2, name="head_odds")(odds)
    height, width = odds.shape[1:3]
    flat = layers.Reshape((height * width,), name="head_odds_flat")(
        ops.minimum(odds, _MAX_LOG_ODDS)
    )
    weights = ops.softmax(flat, axis=-1)
    return layers.Reshape((height, width, 1), name=ATTENTION)(weights)


def _hidden_layers(
    hidden: keras.KerasTensor, settings: ModelSettings, first: int
) -> keras.KerasTensor:
    """Applies the hidden layers of `model.head_units`, from index `first` on."""
    for place, units in enumerate(settings.head_units[first:], first):
        hidden = layers.Dense(units, activation="relu", name=f"head_{place}_dense")(hidden)
        hidden = layers.Dropout(settings.head_dropout, name=f"head_{place}_dropout")(hidden)
    return hidden


def pool_features(network: keras.Model) -> keras.KerasTensor:
    """Returns the means of a network's features at stride 32, [B, channels].

    Args:
        network: Built by `build_network` or loaded; with any head.
    """
    names = {layer.name for layer in network.layers}
    coarse = network.get_layer(WIDE if WIDE in names else WHOLE).input
    return layers.GlobalAveragePooling2D(name=FEATURES)(coarse)


def with_features(network: keras.Model) -> keras.Model:
    """Returns a network that gives `features`, as model files do, beside its own outputs.

    Args:
        network: As `pool_features` takes it.
    """
    return keras.Model(network.input, {**network.output, FEATURES: pool_features(network)})
