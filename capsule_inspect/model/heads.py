"""Label heads: what the capsule is, from what encoder, decoder and mask head see of it."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from capsule_inspect.settings import ModelSettings


@dataclass(frozen=True)
class Evidence:
    """What a label head looks at.

    Attributes:
        coarse: The encoder's features at stride 32, [B, h, w, channels].
        stride8: The decoder's features, [B, H / 8, W / 8, channels]; None without a mask head.
        mask: Probabilities of background and the defect classes, [B, H / 8, W / 8, classes]; None
            without a mask head. No gradient passes: the label looks at the mask, but does not
            train it.
    """

    coarse: keras.KerasTensor
    stride8: keras.KerasTensor | None
    mask: keras.KerasTensor | None


Head = Callable[[Evidence, ModelSettings], keras.KerasTensor]
"""Turns evidence into features [B, units], which one dense layer turns into logits."""


def views_head(evidence: Evidence, settings: ModelSettings) -> keras.KerasTensor:
    """Looks at the whole picture, at what lies under the predicted defect, and at the mask.

    The views get a layer each whose results are added, since in int8 a concatenation would round
    the small values of one view at the scale of another.
    """
    units = settings.head_units[0]
    # The encoder's last projection is linear and tens of units wide: normalize before pooling.
    wide = layers.Conv2D(units, 1, use_bias=False, name="head_wide_conv")(evidence.coarse)
    wide = layers.BatchNormalization(name="head_wide_norm")(wide)
    wide = layers.ReLU(6.0, name="head_wide_relu")(wide)
    views = {"whole": layers.GlobalAveragePooling2D(name="head_whole")(wide)}
    if evidence.stride8 is not None and evidence.mask is not None:
        under = layers.AveragePooling2D(3, 1, padding="same", name="head_under")(
            evidence.stride8 * (1.0 - evidence.mask[..., :1])
        )
        views["under_defect"] = layers.GlobalMaxPooling2D(name="head_under_defect")(under)
        views["mask_peak"] = layers.GlobalMaxPooling2D(name="head_mask_peak")(evidence.mask)
        views["mask_mean"] = layers.GlobalAveragePooling2D(name="head_mask_mean")(evidence.mask)
    parts = [layers.Dense(units, name=f"head_{name}_dense")(view) for name, view in views.items()]
    hidden = layers.Add(name="head_sum")(parts) if len(parts) > 1 else parts[0]
    hidden = layers.ReLU(name="head_relu")(hidden)
    hidden = layers.Dropout(settings.head_dropout, name="head_dropout")(hidden)
    return _further_layers(hidden, settings, first=1)


def mask_pooling_head(evidence: Evidence, settings: ModelSettings) -> keras.KerasTensor:
    """Joins the mean over the picture and the mean under the predicted defect."""
    x = layers.GlobalAveragePooling2D(name="head_whole")(evidence.coarse)
    if evidence.stride8 is not None and evidence.mask is not None:
        weight = 1.0 - evidence.mask[..., :1]
        total = ops.sum(weight, axis=(1, 2))
        under = ops.sum(evidence.stride8 * weight, axis=(1, 2)) / (total + 1e-6)
        x = layers.Concatenate(name="head_join")([x, under])
    return _further_layers(x, settings, first=0)


HEADS: dict[str, Head] = {"views": views_head, "mask_pooling": mask_pooling_head}
"""What `model.head` can be."""


def _further_layers(
    hidden: keras.KerasTensor, settings: ModelSettings, first: int
) -> keras.KerasTensor:
    """Adds the hidden layers that `model.head_units` names from place `first` on."""
    for place, units in enumerate(settings.head_units[first:], first):
        hidden = layers.Dense(units, activation="relu", name=f"head_{place}_dense")(hidden)
        hidden = layers.Dropout(settings.head_dropout, name=f"head_{place}_dropout")(hidden)
    return hidden
