"""Fit hints: what tells each defect class from good, and what good pictures are like."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import keras
import numpy as np

from capsule_inspect.model.hints import HINT_PLACES, with_hints
from capsule_inspect.modelfile.runtime import HINT
from capsule_inspect.training.batches import Example
from capsule_inspect.training.region_classifier import (
    Discriminant,
    Floats,
    fit_discriminant,
    part_of,
    pooling,
    run_on,
    write_discriminant,
)

_SHRINKAGE: Final = 0.9
"""Share of the identity in the covariance. What tells classes best, .3, shows places worse."""


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
    features = run_on(pooling(network, on_features), examples)
    labels = [example.label for example in examples]
    present, classes = np.unique(labels, return_inverse=True)
    found = fit_discriminant(features, classes, _SHRINKAGE)
    hinting = with_hints(network, len(present) - 1)
    # Good is class 0 and there, so the others are the defects.
    against_good = Discriminant(
        found.weights[:, 1:] - found.weights[:, :1], found.biases[1:] - found.biases[0]
    )
    write_discriminant(hinting, HINT, against_good)
    norm = hinting.get_layer(HINT_PLACES)
    good = [example for example in examples if example.label == 0]
    scores = run_on(part_of(hinting, on_features, norm.input), good)
    norm.set_weights(_statistics(scores, len(present) - 1))
    return hinting


def _statistics(scores: Floats, count: int) -> tuple[Floats, Floats]:
    """Returns the mean of each place and class, and the variance of the class, for all places.

    Few pictures say little of the variance of a single place.

    Args:
        scores: float64 [n, places * classes], of good pictures.
        count: Number of classes.
    """
    deviations = scores.std(axis=0).reshape(-1, count).mean(axis=0)
    # One picture has no deviation.
    variances = np.where(deviations > 0, deviations, 1.0) ** 2
    return scores.mean(axis=0), np.tile(variances, scores.shape[1] // count)
