"""Averaged weights: what is validated and saved."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
from numpy.typing import NDArray

NORM_BATCHES = 12
"""Training batches that re-estimate the batch-norm statistics of averaged weights.

Izmailov et al. pass over all training pictures. A norm sees 90 places or more of each crop, those
of stride 32, so that with 8 crops in a batch these are over eight thousand values to a channel.
"""


@contextmanager
def averaged_weights(network: keras.Model, images: list[NDArray[np.uint8]]) -> Iterator[None]:
    """Puts the optimizer's moving average of the weights into a network for a while.

    The average along the way generalizes better than the weights at its end (Izmailov et al.,
    "Averaging Weights Leads to Wider Optima and Better Generalization", 2018); this one is
    exponential. It leaves batch-norm statistics out, and those of the live weights do not belong to
    it, so they are estimated anew, as Izmailov et al. do.

    Args:
        network: Compiled with an optimizer that keeps an average (`use_ema`).
        images: Training batches, each uint8 [B, H, W, 3].
    """
    live = [np.array(variable) for variable in network.weights]
    network.optimizer.finalize_variable_values(network.trainable_variables)
    for variable in network.trainable_variables:
        # Under JAX the average itself is in the network now, and predicting would free it.
        variable.assign(np.array(variable))
    _estimate_norms(network, images)
    try:
        yield
    finally:
        for variable, value in zip(network.weights, live, strict=True):
            variable.assign(value)


def _estimate_norms(network: keras.Model, images: list[NDArray[np.uint8]]) -> None:
    """Sets the statistics of all trained batch norms to their mean over batches."""
    norms = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    momenta = [norm.momentum for norm in norms]
    for number, batch in enumerate(images):
        for norm in norms:
            norm.momentum = number / (number + 1)  # makes the moving average a plain mean
        network(batch, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
