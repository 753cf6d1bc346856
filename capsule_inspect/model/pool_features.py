"""The features by which pictures unlike those of the training are told."""

import keras
from keras import layers

from capsule_inspect.model.heads import WHOLE, WIDE
from capsule_inspect.modelfile.outputs import FEATURES


def pool_features(network: keras.Model) -> keras.KerasTensor:
    """Returns the means of a network's features at stride 32, [B, channels], with any head.

    Args:
        network: As `build_network` makes it, or as loaded.
    """
    names = {layer.name for layer in network.layers}
    coarse = network.get_layer(WIDE if WIDE in names else WHOLE).input
    return layers.GlobalAveragePooling2D(name=FEATURES)(coarse)
