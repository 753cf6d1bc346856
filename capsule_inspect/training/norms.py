"""Statistics of batch norms: for averaged weights, and for the features of a frozen encoder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from capsule_inspect.model.network import FEATURE_NORMS
from capsule_inspect.training.batches import Inputs

NORM_BATCHES = 12
"""Number of training batches that re-estimate batch-norm statistics.

Izmailov et al. use all training pictures. A norm sees at least 90 places of each crop (at stride
32), so 12 batches of 8 crops give over eight thousand values per channel.
"""


@contextmanager
def averaged_weights(
    network: keras.Model, learner: keras.Model, inputs: Sequence[Inputs]
) -> Iterator[None]:
    """Swaps the moving average of the weights into a network during the block.

    Averaged weights generalize better than the last ones (Izmailov et al., "Averaging Weights Leads
    to Wider Optima and Better Generalization", 2018); this average is exponential. It leaves out
    batch-norm statistics, and those of the live weights do not fit it, so they are re-estimated as
    Izmailov et al. do.

    Args:
        network: A network whose optimizer keeps an average (`use_ema`).
        learner: The network, or the part of it that learns.
        inputs: Training batches for `learner`.
    """
    live = [np.array(variable) for variable in network.weights]
    network.optimizer.finalize_variable_values(network.trainable_variables)
    for variable in network.trainable_variables:
        # Under JAX the network now shares its arrays with the average; predicting would free them.
        variable.assign(np.array(variable))
    _estimate_norms(learner, inputs)
    try:
        yield
    finally:
        for variable, value in zip(network.weights, live, strict=True):
            variable.assign(value)


def _estimate_norms(network: keras.Model, inputs: Sequence[Inputs]) -> None:
    """Sets the statistics of all trainable batch norms to their mean over batches."""
    norms = [layer for layer in network.layers if is_norm(layer) and layer.trainable]
    momenta = [norm.momentum for norm in norms]
    for number, batch in enumerate(inputs):
        for norm in norms:
            norm.momentum = number / (number + 1)  # makes the moving average a plain mean
        network(batch, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def settle_feature_norms(network: keras.Model, inputs: Sequence[Inputs]) -> None:
    """Sets the norms of the encoder's features to their statistics, and freezes them.

    The features of a frozen encoder do not change, so statistics of small batches would only add
    noise.

    Args:
        network: The network, or its decoder and heads.
        inputs: Training batches for it.
    """
    norms = [layer for layer in network.layers if is_norm(layer)]
    others = [layer for layer in norms if not layer.name.startswith(FEATURE_NORMS)]
    were_trainable = [layer.trainable for layer in others]
    for layer in others:
        layer.trainable = False
    _estimate_norms(network, inputs)
    for layer, trainable in zip(others, were_trainable, strict=True):
        layer.trainable = trainable
    for layer in norms:
        if layer.name.startswith(FEATURE_NORMS):
            layer.trainable = False


def is_norm(layer: keras.layers.Layer) -> bool:
    """Tells whether a layer is a batch norm."""
    return isinstance(layer, keras.layers.BatchNormalization)
