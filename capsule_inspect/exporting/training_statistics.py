"""Measure statistics of the training pictures, for the warnings of `predict`."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

import numpy as np

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import RANGE_NAMES, Range, TrainingStatistics

_OOD_FACTOR = 3.0
"""The limit, as a multiple of the score that one in a hundred training pictures exceeds. Measured
by the statistics of other folds, the highest score of an MVTec capsule is 1.6 times that score. The
lowest of a photograph of something else, cut to the shape of a capsule, is 6 times."""
_LEAST_DEVIATION = 0.05
"""The least deviation of a channel, as a share of the mean over channels. Some channels hardly vary
in training, and without a floor every other picture would look odd."""


def measure_training_statistics(
    data: DataSet,
    samples: Iterable[Sample],
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
) -> TrainingStatistics | None:
    """Measures the features and appearances of pictures.

    Args:
        data: The data set.
        samples: The training pictures.
        inspector: The network; it should give features.
        advance: Called after each picture.

    Returns:
        The statistics; None if no capsule is found, or the network gives no features.

    Raises:
        PictureError: A picture cannot be read.
    """
    features, appearances = [], []
    for sample in samples:
        for finding in inspector.inspect(data.read_picture(sample)):
            if finding.outputs.features is not None:
                features.append(finding.outputs.features)
                appearances.append(finding.observation.appearance)
        advance()
    if not features:
        return None
    table = np.stack(features).astype(np.float64)
    deviations = table.std(axis=0)
    floor = max(_LEAST_DEVIATION * float(deviations.mean()), np.finfo(np.float32).tiny)
    statistics = TrainingStatistics(
        tuple(table.mean(axis=0).tolist()),
        tuple(np.maximum(deviations, floor).tolist()),
        ood_limit=0.0,
        ranges=(),
    )
    scores = [statistics.ood_score(each) for each in features]
    values = [
        {**asdict(appearance), "ood_score": s}
        for appearance, s in zip(appearances, scores, strict=True)
    ]
    ranges = [
        Range(name, min(v[name] for v in values), max(v[name] for v in values))
        for name in RANGE_NAMES
    ]
    limit = _OOD_FACTOR * float(np.quantile(scores, 0.99))
    return replace(statistics, ood_limit=limit, ranges=tuple(ranges))
