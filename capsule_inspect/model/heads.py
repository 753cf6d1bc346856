"""The label heads of the network."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from capsule_inspect.modelfile.runtime import FEATURES, LOGITS
from capsule_inspect.settings.groups import ModelSettings

WIDE, WHOLE = "head_wide_conv", "head_whole"
"""Layers of the heads; the first of them that a head has looks at the features at stride 32."""

_SURE = 2.0
"""Log odds of a defect from which a place counts in full; without a cap one pixel would decide."""


@dataclass(frozen=True)
class HeadInputs:
    """What a label head looks at.

    No gradient passes through the mask: the label looks at it, but does not train it.

    Attributes:
        encoded: The encoder's features at strides 8, 16 and 32, each [B, h, w, channels].
        decoded: The decoder's features, [B, H / 8, W / 8, channels]; None without a mask head.
        mask_logits: Logits of background and the defect classes, [B, H / 8, W / 8, classes]; None
            without a mask head.
    """

    encoded: tuple[keras.KerasTensor, ...]
    decoded: keras.KerasTensor | None = None
    mask_logits: keras.KerasTensor | None = None

    @property
    def coarse(self) -> keras.KerasTensor:
        """The encoder's features at stride 32."""
        return self.encoded[-1]


Head = Callable[[HeadInputs, ModelSettings, int], keras.KerasTensor]
"""Turns inputs, the settings and the number of classes into logits [B, classes]."""


def views_head(inputs: HeadInputs, settings: ModelSettings, class_count: int) -> keras.KerasTensor:
    """Looks at the whole picture, at what lies under the predicted defect, and at the mask."""
    return layers.Dense(class_count, name=LOGITS)(_look(inputs, settings))


def region_head(inputs: HeadInputs, settings: ModelSettings, class_count: int) -> keras.KerasTensor:
    """Tells good from defective as `views_head` does, but which defect by its region alone.

    The region's class comes from linear layers, under an L2 penalty, on the encoder's features
    where the mask head sees a defect: of tens of pictures a class, more would be learned by heart.
    Without a mask head it is `views_head`.
    """
    if inputs.mask_logits is None:
        return views_head(inputs, settings, class_count)
    good = layers.Dense(1, name="head_good")(_look(inputs, settings))
    scores = _score_places(inputs, settings.head_l2, class_count - 1)
    attention = _attend(inputs.mask_logits)
    defects = ops.sum(scores * attention, axis=(1, 2))
    return layers.Concatenate(name=LOGITS)([good, defects])


def mask_pooling_head(
    inputs: HeadInputs, settings: ModelSettings, class_count: int
) -> keras.KerasTensor:
    """Joins the mean over the picture and the mean under the predicted defect."""
    x = layers.GlobalAveragePooling2D(name=WHOLE)(inputs.coarse)
    if inputs.decoded is not None and inputs.mask_logits is not None:
        weight = 1.0 - ops.softmax(inputs.mask_logits, axis=-1)[..., :1]
        total = ops.sum(weight, axis=(1, 2))
        under = ops.sum(inputs.decoded * weight, axis=(1, 2)) / (total + 1e-6)
        x = layers.Concatenate(name="head_join")([x, under])
    hidden = _further_layers(x, settings, first=0)
    return layers.Dense(class_count, name=LOGITS)(hidden)


HEADS: dict[str, Head] = {
    "region": region_head,
    "views": views_head,
    "mask_pooling": mask_pooling_head,
}
"""Every head by name: what `settings.model_settings.LABEL_HEADS` lists."""


def _look(inputs: HeadInputs, settings: ModelSettings) -> keras.KerasTensor:
    """Returns what is seen of the whole, under the defect, and of the mask, [B, units].

    The views get a layer each whose results are added, since in int8 a concatenation would round
    the small values of one view at the scale of another.
    """
    units = settings.head_units[0]
    # The encoder's last projection is linear and tens of units wide: normalize before pooling.
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
    return _further_layers(hidden, settings, first=1)


def _score_places(inputs: HeadInputs, l2: float, count: int) -> keras.KerasTensor:
    """Scores each place for each defect class, [B, H / 16, W / 16, count]."""
    scores = []
    for stride, features in zip((8, 16, 32), inputs.encoded, strict=True):
        name = f"head_region_{stride}"
        x = layers.BatchNormalization(center=False, scale=False, name=f"{name}_norm")(features)
        # Clips to six deviations on either side, by the one range that int8 runtimes clip to for
        # nothing. Centred again, since offsets of 3 would make the layer all but untrainable.
        x = layers.ReLU(6.0, name=f"{name}_clip")(0.5 * x + 3.0) - 3.0
        x = layers.Conv2D(
            count,
            1,
            use_bias=stride == 32,
            kernel_initializer="zeros",
            kernel_regularizer=keras.regularizers.L2(l2),
            name=f"{name}_conv",
        )(x)
        if stride == 8:
            x = layers.AveragePooling2D(2, name=f"{name}_pool")(x)
        elif stride == 32:
            x = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_up")(x)
        scores.append(x)
    return layers.Add(name="head_region_sum")(scores)


def _attend(mask_logits: keras.KerasTensor) -> keras.KerasTensor:
    """Spreads a weight of 1 over the places that look most defective, [B, H / 16, W / 16, 1].

    A softmax, not a division by the mask's area, whose range is too wide for int8.
    """
    odds = ops.max(mask_logits[..., 1:], axis=-1, keepdims=True) - mask_logits[..., :1]
    odds = layers.MaxPooling2D(2, name="head_odds")(odds)
    height, width = odds.shape[1:3]
    flat = layers.Reshape((height * width,), name="head_odds_flat")(ops.minimum(odds, _SURE))
    weights = ops.softmax(flat, axis=-1)
    return layers.Reshape((height, width, 1), name="head_attention")(weights)


def _further_layers(
    hidden: keras.KerasTensor, settings: ModelSettings, first: int
) -> keras.KerasTensor:
    """Adds the hidden layers that `model.head_units` names from place `first` on."""
    for place, units in enumerate(settings.head_units[first:], first):
        hidden = layers.Dense(units, activation="relu", name=f"head_{place}_dense")(hidden)
        hidden = layers.Dropout(settings.head_dropout, name=f"head_{place}_dropout")(hidden)
    return hidden


def pool_features(network: keras.Model) -> keras.KerasTensor:
    """Returns the means of a network's features at stride 32, [B, channels], with any head.

    Args:
        network: As `build_network` makes it, or as loaded.
    """
    names = {layer.name for layer in network.layers}
    coarse = network.get_layer(WIDE if WIDE in names else WHOLE).input
    return layers.GlobalAveragePooling2D(name=FEATURES)(coarse)
