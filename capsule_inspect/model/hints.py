"""Hints: where a network without a mask head sees a defect, though nobody showed it where they are.

1 x 1 convolutions score the features that the head `region` tells the classes from, each defect
class against good. They come of a linear discriminant analysis of the features' means over the
window, so the mean over all places of a class's scores is that class's score for the whole window,
and each place tells its share (Zhou et al., "Learning Deep Features for Discriminative
Localization", CVPR 2016, with a closed form instead of gradients).

Of good pictures, too, some places speak for a defect more than others: an edge, a print. So each
place counts from the mean that it has there, in the standard deviations of good pictures, after
PaDiM (Defard et al., ICPR Workshops 2020). The hint is the highest of a place's scores.
"""

import keras
from keras import layers

from capsule_inspect.model.heads import REGION_STRIDES, class_maps, region_layer
from capsule_inspect.modelfile.runtime import HINT, MASK_LOGITS

HINT_PLACES = "hint_places"
"""Name of the batch norm that holds the means and the variances of each place and class."""


def needs_hints(network: keras.Model) -> bool:
    """Tells whether a network has the head `region`, and no mask head that tells where."""
    names = {layer.name for layer in network.layers}
    return region_layer(REGION_STRIDES[0]) in names and MASK_LOGITS not in network.output


def with_hints(network: keras.Model, count: int) -> keras.Model:
    """Returns a network that gives hints beside its own outputs; they are 0 until they are fitted.

    Args:
        network: One that `needs_hints`. Its layers are shared.
        count: Number of defect classes that there is something to say of.

    Returns:
        A model whose dict of outputs also has `hint`, [B, H / 16, W / 16, 1]: how much more a place
        speaks for a defect than it does in good pictures, in their standard deviations.
    """
    features = [network.get_layer(region_layer(stride)).input for stride in REGION_STRIDES]
    scores = class_maps(features, count, HINT)
    _, height, width, _ = scores.shape
    flat = layers.Reshape((height * width * count,), name="hint_flat")(scores)
    # The one layer with a value of its own for each place that int8 runtimes know how to compute.
    norm = layers.BatchNormalization(
        center=False, scale=False, epsilon=0.0, trainable=False, name=HINT_PLACES
    )
    apart = layers.Reshape((height * width, count, 1), name="hint_apart")(norm(flat))
    # A layer, since an operation's own name could be that of one of a loaded network.
    highest = layers.MaxPooling2D((1, count), name="hint_highest")(apart)
    hint = layers.Reshape((height, width, 1), name="hint_map")(highest)
    return keras.Model(network.input, {**network.output, HINT: hint}, name=network.name)
