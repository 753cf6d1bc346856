"""What a network says of pictures whose truth is known, before any threshold."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.true_mask import true_mask
from capsule_inspect.evaluation.arrays import Floats
from capsule_inspect.evaluation.overlap import measure_overlap
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.read_picture import read_picture
from capsule_inspect.inference.decide import defect_map, softmax
from capsule_inspect.inference.inspector import Inspector

MASK_THRESHOLDS = np.arange(0.05, 0.81, 0.05)
"""The mask thresholds that are tried."""


@dataclass(frozen=True)
class Evidence:
    """What a network says of one picture.

    Attributes:
        truth: Index of its class.
        log_probabilities: float64 [classes], at temperature 1, of its worst capsule.
        dice: float64, Dice at each of `MASK_THRESHOLDS`; None for a picture without a true defect
            pixel, or a network without a mask head.
    """

    truth: int
    log_probabilities: Floats
    dice: Floats | None


def gather_evidence(
    data: DataSet,
    samples: Iterable[Sample],
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Evidence, ...]:
    """Runs a network on pictures that it was not trained on.

    Args:
        data: The data set the samples are of.
        samples: The pictures; those without a capsule give no evidence.
        inspector: The network; its operating point is not used.
        advance: Called after each picture.

    Raises:
        PictureError: A picture or mask cannot be read.
        DataError: A mask is not of its picture's size.
    """
    gathered = []
    for sample in samples:
        evidence = _look_at(data, sample, inspector)
        if evidence is not None:
            gathered.append(evidence)
        advance()
    return tuple(gathered)


def _look_at(data: DataSet, sample: Sample, inspector: Inspector) -> Evidence | None:
    picture = read_picture(data.root / sample.path)
    shape = picture.shape[0], picture.shape[1]
    truth = true_mask(data, sample, shape)
    logs, maps = [], []
    for crop in find_crops(picture, inspector.roi):
        outputs = inspector.run(crop.take(picture))
        logs.append(_log_softmax(outputs.logits.astype(np.float64)))
        if outputs.mask_logits is not None and truth is not None and truth.any():
            maps.append(defect_map(outputs.mask_logits, crop, shape))
    if not logs:
        return None
    dice = None
    if maps and truth is not None:
        probability = np.maximum.reduce(maps)
        dice = np.array(
            [measure_overlap(probability >= t, truth).dice for t in MASK_THRESHOLDS], np.float64
        )
    worst = min(logs, key=lambda each: each[0])
    return Evidence(data.classes.index(sample.label), worst, dice)


def _log_softmax(logits: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(softmax(logits), np.finfo(np.float64).tiny)), np.float64)
