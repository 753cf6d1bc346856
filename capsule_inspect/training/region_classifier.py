"""The classifier of the head `region`: linear discriminant analysis on the defect's features.

The head scores each place by 1 x 1 convolutions and sums the scores with weights that add up to 1.
So a linear classifier of the weighted mean of the features is the same network: this module fits
one in closed form, and writes its coefficients into the convolutions. It sees the covariance within
classes, which gradients with a penalty on the weights do not (`experiments/README.md`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from capsule_inspect.inference.decide import softmax
from capsule_inspect.model.heads import (
    ATTENTION,
    REGION,
    REGION_STRIDES,
    region_layer,
    to_stride16,
    weighted_mean,
)
from capsule_inspect.model.network import encoder_features
from capsule_inspect.training.batches import Example

Floats = NDArray[np.float64]

_BATCH: Final = 16
_PARTS: Final = 5
"""Parts of the capsules for choosing how sure the classifier is."""
_SCALES: Final = np.geomspace(0.02, 1.0, 40)
"""The factors on the scores to try: those of a discriminant analysis are far too sure."""


@dataclass(frozen=True)
class Discriminant:
    """A linear classifier.

    Attributes:
        weights: float64 [features, classes].
        biases: float64 [classes].
    """

    weights: Floats
    biases: Floats

    def scores(self, features: Floats) -> Floats:
        """Returns the log odds of each class, up to a constant, [n, classes]."""
        return features @ self.weights + self.biases


def has_region_classifier(network: keras.Model) -> bool:
    """Tells whether a network has the head `region`."""
    return any(layer.name == region_layer(REGION_STRIDES[0]) for layer in network.layers)


def fit_discriminant(features: Floats, classes: NDArray[np.intp], shrinkage: float) -> Discriminant:
    """Fits a linear discriminant analysis with equal priors.

    The covariance within classes, of features in standard deviations, is shrunk towards a multiple
    of the identity (Friedman, "Regularized Discriminant Analysis", 1989).

    Args:
        features: float64 [n, features].
        classes: Index of each row's class, from 0; each has rows.
        shrinkage: Share of the identity, in (0, 1].
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = (features - mean) / deviation
    count = int(classes.max()) + 1
    means = np.stack([scaled[classes == index].mean(axis=0) for index in range(count)])
    rest = scaled - means[classes]
    covariance = rest.T @ rest / len(rest)
    level = np.trace(covariance) / len(covariance) or 1.0  # 0 with one row for each class
    covariance = (1 - shrinkage) * covariance + shrinkage * level * np.eye(len(covariance))
    solved = np.linalg.solve(covariance, means.T)
    weights = solved / deviation[:, None]
    return Discriminant(weights, -0.5 * np.sum(means.T * solved, axis=0) - mean @ weights)


def soften(
    features: Floats,
    classes: NDArray[np.intp],
    groups: NDArray[np.intp],
    fit: Callable[[Floats, NDArray[np.intp]], Discriminant],
) -> float:
    """Returns the factor on the scores that fits capsules best that the classifier did not see.

    Args:
        features: float64 [n, features].
        classes: Index of each row's class.
        groups: Number of each row's capsule.
        fit: Fits a classifier to some of the rows.
    """
    held_out, truth = [], []
    for part in range(_PARTS):
        inside = groups % _PARTS == part
        if inside.any() and len(np.unique(classes[~inside])) == len(np.unique(classes)):
            held_out.append(fit(features[~inside], classes[~inside]).scores(features[inside]))
            truth.append(classes[inside])
    if not held_out:
        return float(_SCALES[0])
    scores, labels = np.concatenate(held_out), np.concatenate(truth)
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(scale * scores)[rows, labels] + 1e-12).mean() for scale in _SCALES]
    return float(_SCALES[int(np.argmin(losses))])


def fit_region_classifier(
    network: keras.Model,
    on_features: bool,
    capsules: Sequence[Iterable[Example]],
    shrinkage: float,
) -> None:
    """Fits the classifier of the head `region` and writes it into the network.

    Args:
        network: The network; only the head's convolutions change.
        on_features: Whether the examples hold features of the encoder, not windows.
        capsules: The views of each defective capsule.
        shrinkage: Share of the identity in the covariance, in (0, 1].
    """
    pool = pooling(network, on_features)
    rows, classes, groups = [], [], []
    for group, views in enumerate(capsules):
        examples = list(views)
        rows.append(run_on(pool, examples))
        classes += [example.label - 1 for example in examples]
        groups += [group] * len(examples)
    features = np.concatenate(rows)
    present, labels = np.unique(classes, return_inverse=True)

    def fit(some: Floats, own: NDArray[np.intp]) -> Discriminant:
        return fit_discriminant(some, own, shrinkage)

    found = fit(features, labels)
    factor = soften(features, labels, np.array(groups), fit)
    softened = Discriminant(factor * found.weights, factor * found.biases)
    write_discriminant(
        network, REGION, _among(softened, present, network.get_layer(REGION).output.shape[-1])
    )


def _among(classifier: Discriminant, present: NDArray[np.intp], count: int) -> Discriminant:
    """Returns a classifier of more classes, of which those that it has not seen never win.

    Such a class has the mean score of the others, which is at most the highest, less a margin.

    Args:
        classifier: The classifier of the classes that it has seen.
        present: Index of each of them.
        count: Number of all classes.
    """
    weights = np.repeat(classifier.weights.mean(axis=1, keepdims=True), count, axis=1)
    biases = np.full(count, classifier.biases.mean() - _MARGIN)
    weights[:, present], biases[present] = classifier.weights, classifier.biases
    return Discriminant(weights, biases)


_MARGIN: Final = 30.0


def pooling(network: keras.Model, on_features: bool) -> keras.Model:
    """Returns a model from windows or features to the pooled features, [B, channels].

    Args:
        network: The network, with the head `region`.
        on_features: Whether the model takes features of the encoder, not windows.
    """
    names = {layer.name for layer in network.layers}
    parts = []
    for stride in REGION_STRIDES:
        # All have names: Keras's own could be those of a loaded network's layers.
        name = f"pooled_{stride}"
        x = to_stride16(network.get_layer(region_layer(stride)).input, stride, f"{name}_at_16")
        if ATTENTION in names:
            parts.append(weighted_mean(x, network.get_layer(ATTENTION).output, name))
        else:
            parts.append(layers.GlobalAveragePooling2D(name=name)(x))
    return part_of(network, on_features, layers.Concatenate(name="pooled")(parts))


def part_of(network: keras.Model, on_features: bool, output: keras.KerasTensor) -> keras.Model:
    """Returns the model from windows, or from features of the encoder, to a tensor of a network."""
    return keras.Model(list(encoder_features(network)) if on_features else network.input, output)


def run_on(model: keras.Model, examples: Sequence[Example]) -> Floats:
    """Returns what a model gives for examples, float64 [n, ...].

    Args:
        model: Takes what the examples hold, such as the model that `pooling` returns.
        examples: At least one.
    """
    outputs = []
    for start in range(0, len(examples), _BATCH):
        some = [example.inputs for example in examples[start : start + _BATCH]]
        levels = [np.stack(level) for level in zip(*some, strict=True)]
        inputs = levels if len(levels) > 1 else levels[0]
        outputs.append(np.asarray(model(inputs, training=False), np.float64))
    return np.concatenate(outputs)


def write_discriminant(network: keras.Model, begin: str, classifier: Discriminant) -> None:
    """Writes a classifier of pooled features into convolutions that score each place.

    Args:
        network: The network.
        begin: What the names of the convolutions begin with.
        classifier: The classifier.
    """
    start = 0
    for stride in REGION_STRIDES:
        layer = network.get_layer(region_layer(stride, begin))
        channels = layer.kernel.shape[2]
        kernel = classifier.weights[start : start + channels][None, None]
        start += channels
        layer.set_weights([kernel, classifier.biases] if layer.use_bias else [kernel])
