"""Choosing temperature and thresholds on pictures that training has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.manifest import DataSet, Sample
from capsule_inspect.dataset.true_mask import true_mask
from capsule_inspect.evaluation.overlap import measure_overlap
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.decide import defect_map, softmax
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.operating_point import OperatingPoint

_TEMPERATURES = np.geomspace(0.25, 4.0, 81)
_MASK_THRESHOLDS = np.arange(0.05, 0.81, 0.05)
_FEWEST = 3
"""With fewer good or defective pictures than this, defaults are better than a fit."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Evidence:
    """What the network says of one picture, before any threshold."""

    truth: int
    log_probabilities: Floats
    dice: Floats | None
    """Dice at each of `_MASK_THRESHOLDS`, of defective pictures with a mask."""


def choose_operating_point(
    data: DataSet, samples: Sequence[Sample], inspector: Inspector, chosen_on: str
) -> OperatingPoint:
    """Chooses the operating point on held-out pictures.

    Temperature by the likelihood of the labels (Guo et al., "On Calibration of Modern Neural
    Networks", 2017); threshold by the F1 of "defective", in the middle of the widest of the best
    gaps between scores; mask threshold by mean Dice.

    Args:
        data: The data set.
        samples: Pictures that the network was not trained on.
        inspector: The network; its operating point is not used.
        chosen_on: Which pictures these are, for people.

    Returns:
        The point; the defaults, saying so, where the pictures are too few.

    Raises:
        PictureError: A picture or mask cannot be read.
    """
    seen = [_evidence(data, sample, inspector) for sample in samples]
    evidence = [each for each in seen if each is not None]
    defects = sum(each.truth != 0 for each in evidence)
    if min(defects, len(evidence) - defects) < _FEWEST:
        return OperatingPoint(chosen_by=f"defaults: {chosen_on} has too few pictures to choose on")
    temperature = _temperature(evidence)
    return OperatingPoint(
        temperature=temperature,
        threshold=_threshold(evidence, temperature),
        mask_threshold=_mask_threshold(evidence),
        chosen_by=(
            f"likelihood, best F1 and best Dice on {chosen_on}: "
            f"{len(evidence) - defects} good and {defects} defective pictures"
        ),
    )


def _evidence(data: DataSet, sample: Sample, inspector: Inspector) -> _Evidence | None:
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
            [measure_overlap(probability >= t, truth).dice for t in _MASK_THRESHOLDS], np.float64
        )
    worst = min(logs, key=lambda each: each[0])
    return _Evidence(data.classes.index(sample.label), worst, dice)


def _log_softmax(logits: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(softmax(logits), np.finfo(np.float64).tiny)), np.float64)


def _temperature(evidence: Sequence[_Evidence]) -> float:
    logs = np.stack([each.log_probabilities for each in evidence])
    truth = np.array([each.truth for each in evidence])
    rows = np.arange(len(truth))
    losses = [-np.log(softmax(logs / t)[rows, truth] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _threshold(evidence: Sequence[_Evidence], temperature: float) -> float:
    """Returns the defect score at the middle of the best gap, measured in logits."""
    p_good = np.array([softmax(each.log_probabilities / temperature)[0] for each in evidence])
    logits = np.log1p(-np.minimum(p_good, 1 - 1e-12)) - np.log(np.maximum(p_good, 1e-12))
    truth = np.array([each.truth != 0 for each in evidence])
    ordered = np.unique(logits)
    if ordered.size < 2:  # a network that says the same of every picture
        return OperatingPoint().threshold
    gaps, middles = np.diff(ordered), (ordered[1:] + ordered[:-1]) / 2
    scores = np.array([_f1(logits >= middle, truth) for middle in middles])
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    middle = middles[best[np.argmax(gaps[best])]]
    return float(1 / (1 + np.exp(-middle)))


def _f1(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    hits = int((predicted & truth).sum())
    return 2 * hits / max(1, int(predicted.sum()) + int(truth.sum()))


def _mask_threshold(evidence: Sequence[_Evidence]) -> float:
    curves = [each.dice for each in evidence if each.dice is not None]
    if len(curves) < _FEWEST:
        return OperatingPoint().mask_threshold
    return round(float(_MASK_THRESHOLDS[int(np.argmax(np.mean(curves, axis=0)))]), 2)
