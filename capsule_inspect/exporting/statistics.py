"""Measure what the training pictures are like, for the warnings of `predict`."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

import numpy as np

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import RANGE_NAMES, Range, TrainingStatistics

_OOD_FACTOR = 3.0
"""How many times the score that one in a hundred training pictures exceeds makes the limit. On
MVTec's capsules, each seen by statistics of other folds, the greatest score is 1.6 times that one;
the least of photographs of other things, cut to a capsule's shape, is 6 times."""
_LEAST_DEVIATION = 0.05
"""Of a channel, as a share of the mean over channels: some hardly vary, and any picture would."""


def measure_training_statistics(
    data: DataSet,
    samples: Iterable[Sample],
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
) -> TrainingStatistics | None:
    """Measures features and appearances of pictures.

    Args:
        data: The data set.
        samples: The training pictures.
        inspector: A network that gives features.
        advance: Called after each picture.

    Returns:
        The statistics; None where no capsule is found, or no features are given.

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
