"""The statistics of good pictures, fitted in closed form."""

from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.model.normality import (
    HIGHEST,
    MAP,
    PLACES,
    PROTOTYPES,
    SCORE,
    WHITEN,
)

Floats = NDArray[np.float64]
Features = NDArray[np.float16] | NDArray[np.float32]

_RIDGE: Final = 0.01
"""Added to the covariance, as a share of each channel's variance (PaDiM adds .01)."""
_SHRINKAGE: Final = 0.5
"""Share of the variance of all places in that of each place: few pictures say little of one."""
_SAMPLED: Final = 100_000
"""Most places that the prototypes are found among."""
_BATCH: Final = 16


@dataclass(frozen=True)
class Normality:
    """What is normal.

    Attributes:
        whitening: float64 [channels, channels]; features times this are uncorrelated within places.
        means: float64 [places, channels], of the whitened features.
        variances: float64 [places, channels].
        prototypes: float64 [prototypes, channels], of the grid's features.
    """

    whitening: Floats
    means: Floats
    variances: Floats
    prototypes: Floats


@dataclass(frozen=True)
class Scale:
    """How the two scores of a place become one, and where a picture becomes an anomaly.

    Attributes:
        weights: float64 [2].
        offset: Added to the weighted sum.
    """

    weights: Floats
    offset: float

    def __call__(self, scores: Floats) -> Floats:
        """Returns the score of each place, [n, places], of both scores, [n, places, 2]."""
        return np.asarray(scores @ self.weights + self.offset, np.float64)


def fit_normality(places: Features, grid: Features, prototypes: int, seed: int) -> Normality:
    """Fits the statistics of good pictures.

    Args:
        places: Features of each place, [n, places, channels].
        grid: Features at the coarser stride, centred, [n, places, channels].
        prototypes: Number of prototypes; fewer if there are fewer features.
        seed: Seed of what is random.
    """
    from sklearn.cluster import MiniBatchKMeans

    count, _, channels = places.shape
    means = places.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((channels, channels))
    for picture in places:
        apart = picture - means
        covariance += apart.T @ apart / apart.shape[0] / count
    covariance += _RIDGE * np.diag(np.diag(covariance)) + 1e-12 * np.eye(channels)
    values, vectors = np.linalg.eigh(covariance)
    whitening = vectors / np.sqrt(values)
    variances = np.zeros(means.shape)
    for picture in places:
        variances += ((picture - means) @ whitening) ** 2 / count
    variances = (1 - _SHRINKAGE) * variances + _SHRINKAGE
    random = np.random.default_rng(seed)
    flat = grid.reshape(-1, channels)
    some = flat[random.permutation(len(flat))[:_SAMPLED]].astype(np.float32)
    clusters = MiniBatchKMeans(
        min(prototypes, len(some)),
        init="random",  # k-means++ takes minutes for so many
        n_init=1,
        batch_size=4096,
        max_iter=20,
        random_state=seed,
    )
    found = clusters.fit(some).cluster_centers_.astype(np.float64)
    # The network has room for all; those that repeat change nothing.
    found = found[np.arange(prototypes) % len(found)]
    return Normality(whitening, means @ whitening, variances, found)


def write_normality(network: keras.Model, normality: Normality) -> None:
    """Sets the statistics of a network that `model.normality` builds."""
    network.get_layer(WHITEN).set_weights([normality.whitening])
    places = network.get_layer(PLACES)
    places.set_weights([normality.means, normality.variances, np.array(0)])
    places.finalize_state()
    lengths = (normality.prototypes**2).sum(axis=1)
    network.get_layer(PROTOTYPES).set_weights([2 * normality.prototypes.T, -lengths])


def write_scale(network: keras.Model, scale: Scale) -> None:
    """Sets how a network adds up its scores: above 0, a place or a picture is an anomaly."""
    kernel = np.zeros((2, 2))
    kernel[:, 1] = scale.weights
    network.get_layer(MAP).set_weights([kernel, np.array([0.0, scale.offset])])
    network.get_layer(SCORE).set_weights([np.array([[0.0, 1.0]]), np.zeros(2)])


def score(network: keras.Model, places: Features, grid: Features) -> Floats:
    """Returns both scores of each place, float64 [n, places, 2].

    Args:
        network: With its statistics set.
        places: As `fit_normality` takes them.
        grid: As `fit_normality` takes them.
    """
    inputs = [network.get_layer(WHITEN).input, network.get_layer(PROTOTYPES).input]
    model = keras.Model(inputs, network.get_layer(MAP).input)
    batches = range(0, len(places), _BATCH)
    return np.concatenate(
        [
            np.asarray(
                model(
                    [part[start : start + _BATCH].astype(np.float32) for part in (places, grid)],
                    training=False,
                ),
                np.float64,
            )
            for start in batches
        ]
    )


def highest(scores: Floats) -> Floats:
    """Returns the mean of the highest places of each picture, [n], of [n, places]."""
    return np.asarray(np.sort(scores, axis=1)[:, -HIGHEST:].mean(axis=1), np.float64)


def scale_of(scores: Floats, false_alarms: float) -> Scale:
    """Finds the scale on good pictures that the statistics were fitted without.

    Both scores count in standard deviations of what the pictures reach. Above 0 lies at most the
    given share of the pictures: the threshold is the middle between the last score that counts as
    good and the first that does not.

    Args:
        scores: Both scores of each place of such pictures, float64 [n, places, 2].
        false_alarms: The share of good pictures that may be called anomalies, in [0, 1).
    """
    reached = np.stack([highest(scores[..., kind]) for kind in range(2)])
    spread = np.maximum(reached.std(axis=1), 1e-6)
    weights = 1 / spread
    totals = np.sort(highest(scores @ weights))
    unit = max(float(totals.std()), 1e-6)
    allowed = int(false_alarms * (len(totals) + 1) + 1e-9)
    last = totals[len(totals) - 1 - min(allowed, len(totals) - 1)]
    following = totals[len(totals) - allowed] if 0 < allowed < len(totals) else last + 0.1 * unit
    threshold = (last + following) / 2
    return Scale(weights / unit, -threshold / unit)
