"""Hints: where a network without a mask head sees a defect, though nobody showed it where they are.

1 x 1 convolutions score the features that the head `region` tells the classes from, each defect
class against good. They come of a linear discriminant analysis of the features' means over the
window, so the mean over all places of a class's scores is that class's score for the whole window:
each place gives its share (Zhou et al., "Learning Deep Features for Discriminative Localization",
CVPR 2016, with a closed form instead of gradients). The hint is the highest score of a place.
"""

from typing import Final

import keras
from keras import ops

from capsule_inspect.model.heads import REGION_STRIDES, class_maps, region_layer
from capsule_inspect.modelfile.runtime import HINT_LOGITS, LOGITS, MASK_LOGITS

HINT: Final = "hint"
"""What the names of the layers begin with."""


def needs_hints(network: keras.Model) -> bool:
    """Tells whether a network has the head `region`, and no mask head that tells where."""
    names = {layer.name for layer in network.layers}
    return region_layer(REGION_STRIDES[0]) in names and MASK_LOGITS not in network.output


def with_hints(network: keras.Model) -> keras.Model:
    """Returns a network that gives hints beside its own outputs; they are 0 until they are fitted.

    Args:
        network: One that `needs_hints`. Its layers are shared.

    Returns:
        A model whose dict of outputs also has `hint_logits`, [B, H / 16, W / 16, 1]: how much each
        place speaks for a defect, as log odds.
    """
    features = [network.get_layer(region_layer(stride)).input for stride in REGION_STRIDES]
    scores = class_maps(features, network.output[LOGITS].shape[-1] - 1, HINT)
    hints = ops.max(scores, axis=-1, keepdims=True)
    return keras.Model(network.input, {**network.output, HINT_LOGITS: hints}, name=network.name)
