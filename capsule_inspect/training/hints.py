"""Fit hints: linear discriminant analysis of good windows and those of each defect class."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import keras
import numpy as np

from capsule_inspect.model.hints import HINT, with_hints
from capsule_inspect.modelfile.runtime import LOGITS
from capsule_inspect.training.batches import Example
from capsule_inspect.training.region_classifier import (
    Discriminant,
    among,
    fit_discriminant,
    pool_all,
    pooling,
    write_discriminant,
)

_SHRINKAGE: Final = 0.9
"""Share of the identity in the covariance. What tells classes apart best shows places worse:
`experiments/README.md`."""


def fit_hints(
    network: keras.Model, on_features: bool, capsules: Sequence[Iterable[Example]]
) -> keras.Model:
    """Returns a network that gives hints beside its own outputs.

    Args:
        network: A network that `needs_hints`. Its layers are shared, and stay as they are.
        on_features: Whether the examples hold features of the encoder, not windows.
        capsules: The views of good and of defective capsules; there are some of both.
    """
    examples = list(chain.from_iterable(capsules))
    features = pool_all(pooling(network, on_features), examples)
    present, classes = np.unique([example.label for example in examples], return_inverse=True)
    found = fit_discriminant(features, classes, _SHRINKAGE)
    # Good is class 0 and there, so the others are the defects.
    against_good = Discriminant(
        found.weights[:, 1:] - found.weights[:, :1], found.biases[1:] - found.biases[0]
    )
    hinting = with_hints(network)
    count = network.output[LOGITS].shape[-1] - 1
    write_discriminant(hinting, HINT, among(against_good, present[1:] - 1, count))
    return hinting
