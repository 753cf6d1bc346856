"""Label heads: they classify the whole capsule."""

from collections.abc import Callable, Sequence
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
    """The inputs of the label head of one member.

    Attributes:
        prefix: Begins the names of the member's layers.
        coarse: The encoder's features at stride 32, [B, h, w, channels].
        normalized: Its features at strides 4, 8, 16 and 32, normalized.
        decoded: The decoder's features, [B, H / 8, W / 8, channels]; None without a mask head.
        mask_logits: Logits of background and the defect classes, [B, H / 8, W / 8, classes]; None
            without a mask head. No gradient passes, so the label does not train the mask.
    """

    prefix: str
    coarse: keras.KerasTensor
    normalized: tuple[keras.KerasTensor, ...]
    decoded: keras.KerasTensor | None = None
    mask_logits: keras.KerasTensor | None = None


Head = Callable[[Sequence[HeadInputs], ModelSettings, int], list[keras.KerasTensor]]
"""Builds the logits [B, classes] of each member, from the inputs of each, the settings and the
number of classes."""


def views_head(
    members: Sequence[HeadInputs], settings: ModelSettings, class_count: int
) -> list[keras.KerasTensor]:
    """Classifies from three views: the whole picture, the predicted defect, and the mask."""
    return [
        layers.Dense(class_count, name=f"{member.prefix}{LOGITS}")(_hidden_views(member, settings))
        for member in members
    ]


def region_head(
    members: Sequence[HeadInputs], settings: ModelSettings, class_count: int
) -> list[keras.KerasTensor]:
    """Detects defects like `views_head`, but classifies them from the defect's region alone.

    1 x 1 convolutions score the encoder's features where the mask heads predict a defect, or
    everywhere without a mask head. All members share them. Gradients do not train them:
    `training.region_classifier` sets them by linear discriminant analysis once the mask is learned.
    Until then, all are 0.
    """
    scores = class_maps(members[0].normalized[1:], class_count - 1, REGION)
    masks = [member.mask_logits for member in members if member.mask_logits is not None]
    if not masks:
        defects = layers.GlobalAveragePooling2D(name=REGION)(scores)
    else:
        attention = _attention(average(masks, "head_mask_logits_mean"))
        defects = weighted_mean(scores, attention, REGION)
    # Relative to the likeliest class: how sure the head is of the class then says nothing of
    # whether there is a defect.
    defects = defects - ops.max(defects, axis=-1, keepdims=True)
    return [_good_or_defects(member, defects, settings) for member in members]


def _good_or_defects(
    member: HeadInputs, defects: keras.KerasTensor, settings: ModelSettings
) -> keras.KerasTensor:
    good = layers.Dense(1, name=f"{member.prefix}head_good")(_hidden_views(member, settings))
    return layers.Concatenate(name=f"{member.prefix}{LOGITS}")([good, defects])


def mask_pooling_head(
    members: Sequence[HeadInputs], settings: ModelSettings, class_count: int
) -> list[keras.KerasTensor]:
    """Classifies from the mean over the picture and the mean over the predicted defect."""
    return [_classify_pooled(member, settings, class_count) for member in members]


def _classify_pooled(
    inputs: HeadInputs, settings: ModelSettings, class_count: int
) -> keras.KerasTensor:
    prefix = inputs.prefix
    x = layers.GlobalAveragePooling2D(name=f"{prefix}{WHOLE}")(inputs.coarse)
    if inputs.decoded is not None and inputs.mask_logits is not None:
        weight = 1.0 - ops.softmax(inputs.mask_logits, axis=-1)[..., :1]
        # Means, since LiteRT's reference kernel of the int8 sum is wrong: LiteRT issue 4079.
        share = ops.mean(weight, axis=(1, 2))
        under = ops.mean(inputs.decoded * weight, axis=(1, 2)) / (share + 1e-9)
        x = layers.Concatenate(name=f"{prefix}head_join")([x, under])
    hidden = _hidden_layers(x, settings, prefix, first=0)
    return layers.Dense(class_count, name=f"{prefix}{LOGITS}")(hidden)


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
    units, head = settings.head_units[0], f"{inputs.prefix}head"
    # Normalized before pooling: the encoder ends in a linear layer whose values span tens of units.
    wide = layers.Conv2D(units, 1, use_bias=False, name=f"{inputs.prefix}{WIDE}")(inputs.coarse)
    wide = layers.BatchNormalization(name=f"{head}_wide_norm")(wide)
    wide = layers.ReLU(6.0, name=f"{head}_wide_relu")(wide)
    views = {"whole": layers.GlobalAveragePooling2D(name=f"{inputs.prefix}{WHOLE}")(wide)}
    if inputs.decoded is not None and inputs.mask_logits is not None:
        mask = ops.softmax(inputs.mask_logits, axis=-1)
        under = mean_of_nine(inputs.decoded * (1.0 - mask[..., :1]), f"{head}_under")
        views["under_defect"] = layers.GlobalMaxPooling2D(name=f"{head}_under_defect")(under)
        views["mask_peak"] = layers.GlobalMaxPooling2D(name=f"{head}_mask_peak")(mask)
        views["mask_mean"] = layers.GlobalAveragePooling2D(name=f"{head}_mask_mean")(mask)
    parts = [layers.Dense(units, name=f"{head}_{name}_dense")(view) for name, view in views.items()]
    hidden = layers.Add(name=f"{head}_sum")(parts) if len(parts) > 1 else parts[0]
    hidden = layers.ReLU(name=f"{head}_relu")(hidden)
    hidden = layers.Dropout(settings.head_dropout, name=f"{head}_dropout")(hidden)
    return _hidden_layers(hidden, settings, inputs.prefix, first=1)


def mean_of_nine(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Returns the mean of each place and its neighbours; beyond the border lie zeros.

    A convolution, since int8 runtimes take eight times as long for a pooling layer.
    """
    ninth = keras.initializers.Constant(1 / 9)
    return layers.DepthwiseConv2D(
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer=ninth,
        trainable=False,
        name=name,
    )(x)


REGION_STRIDES = (8, 16, 32)
"""Strides of the features that `region_head` classifies."""
REGION = "head_region"
"""Name of the layer whose output is the score of each defect class."""


def region_layer(stride: int, begin: str = REGION) -> str:
    """Returns the name of the convolution of `region_head` on features at a stride.

    Args:
        stride: One of `REGION_STRIDES`.
        begin: What the names of its layers begin with.
    """
    return f"{begin}_{stride}_conv"


def class_maps(features: Sequence[keras.KerasTensor], count: int, begin: str) -> keras.KerasTensor:
    """Returns a score for each defect class at each place, [B, H / 16, W / 16, count].

    Args:
        features: Normalized features at `REGION_STRIDES`.
        count: Number of defect classes.
        begin: What the names of the layers begin with.
    """
    scores = []
    for stride, level in zip(REGION_STRIDES, features, strict=True):
        name = region_layer(stride, begin)
        x = layers.Conv2D(
            count,
            1,
            use_bias=stride == 32,
            kernel_initializer="zeros",
            trainable=False,
            name=name,
        )(level)
        scores.append(to_stride16(x, stride, f"{name}_at_16"))
    return layers.Add(name=f"{begin}_sum")(scores)


def to_stride16(x: keras.KerasTensor, stride: int, name: str) -> keras.KerasTensor:
    """Shrinks or enlarges a map at stride 8 or 32 to stride 16, by a layer of the given name."""
    if stride == 8:
        return layers.AveragePooling2D(2, name=name)(x)
    if stride == 32:
        return layers.UpSampling2D(2, interpolation="bilinear", name=name)(x)
    return x


def _attention(mask_logits: keras.KerasTensor) -> keras.KerasTensor:
    """Returns weights that sum to 1, highest where a defect is likeliest, [B, H * W / 256].

    It is a softmax rather than a division by the mask's area, whose range is too wide for int8.
    """
    odds = ops.max(mask_logits[..., 1:], axis=-1, keepdims=True) - mask_logits[..., :1]
    odds = layers.MaxPooling2D(2, name="head_odds")(odds)
    height, width = odds.shape[1:3]
    flat = layers.Reshape((height * width,), name="head_odds_flat")(
        ops.minimum(odds, _MAX_LOG_ODDS)
    )
    return layers.Softmax(name=ATTENTION)(flat)


def weighted_mean(
    values: keras.KerasTensor, weights: keras.KerasTensor, name: str
) -> keras.KerasTensor:
    """Returns the means of a map over its places, [B, channels].

    A matrix product, since it is exact in int8. Products of scores and weights, rounded place by
    place, lose the weights of large defects, where each place counts little.

    Args:
        values: [B, h, w, channels].
        weights: The weight of each place, [B, h * w].
        name: The name of the layer; others begin with it.
    """
    _, height, width, channels = values.shape
    flat = layers.Reshape((height * width, channels), name=f"{name}_flat")(values)
    return layers.Dot(1, name=name)([weights, flat])


def _hidden_layers(
    hidden: keras.KerasTensor, settings: ModelSettings, prefix: str, first: int
) -> keras.KerasTensor:
    """Applies the hidden layers of `model.head_units`, from index `first` on."""
    for place, units in enumerate(settings.head_units[first:], first):
        hidden = layers.Dense(units, activation="relu", name=f"{prefix}head_{place}_dense")(hidden)
        hidden = layers.Dropout(settings.head_dropout, name=f"{prefix}head_{place}_dropout")(hidden)
    return hidden


def average(members: Sequence[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """Returns the mean of what the members say; one member is its own mean."""
    return layers.Average(name=name)(list(members)) if len(members) > 1 else members[0]


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
        network: As `pool_features` takes it, or one that gives them by itself.
    """
    if FEATURES in network.output:
        return network
    return keras.Model(network.input, {**network.output, FEATURES: pool_features(network)})
