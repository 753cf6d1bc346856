"""Choosing temperature and thresholds on pictures that training has not seen."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.evaluation.evidence import MASK_THRESHOLDS, Evidence, Floats
from capsule_inspect.evaluation.intervals import wilson
from capsule_inspect.inference.decide import softmax
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.threshold_settings import AUTO, ThresholdSettings

_TEMPERATURES = np.geomspace(0.25, 4.0, 81)
_FEWEST = 3
"""With fewer good or defective pictures than this, defaults are better than a fit."""

Flags = NDArray[np.bool_]


def choose_operating_point(
    evidence: Sequence[Evidence],
    wanted: ThresholdSettings,
    chosen_on: str,
    expected: tuple[Metric, ...] = (),
    networks: int = 1,
) -> OperatingPoint:
    """Chooses the operating point on held-out pictures.

    Temperature by the likelihood of the labels (Guo et al., "On Calibration of Modern Neural
    Networks", 2017); threshold by the policy, in the middle of the widest of the best gaps between
    scores; mask threshold by mean Dice.

    Args:
        evidence: What the network says of pictures that it was not trained on.
        wanted: The policy of the threshold.
        chosen_on: Which pictures these are, for people.
        expected: The error rates to expect, to go with the point.
        networks: How many networks each picture was shown to; the evidence holds it as often.

    Returns:
        The point; the defaults, saying so, where the pictures are too few.
    """
    defects = sum(each.truth != 0 for each in evidence)
    goods = len(evidence) - defects
    if min(defects, goods) < _FEWEST:
        return OperatingPoint(chosen_by=f"defaults: {chosen_on} has too few pictures to choose on")
    temperature = _temperature(evidence)
    policy = "best_f1" if wanted.policy == AUTO else wanted.policy
    threshold, missed = _threshold(evidence, temperature, _quality(policy, wanted.value, defects))
    aim = "best F1" if policy == "best_f1" else f"at most {wanted.value:.4g} of the defects missed"
    caveat = ""
    if policy == "max_miss_rate":
        caveat = _caveat(round(missed / networks), defects // networks, wanted.value)
    return OperatingPoint(
        temperature=temperature,
        threshold=threshold,
        mask_threshold=_mask_threshold(evidence),
        chosen_by=(
            f"likelihood, {aim} and best Dice on {chosen_on}: "
            f"{goods // networks} good and {defects // networks} defective pictures{caveat}"
        ),
        policy=policy,
        policy_value=wanted.value,
        expected=expected,
    )


def is_alarm(evidence: Evidence, point: OperatingPoint) -> bool:
    """Tells whether a picture is called defective at an operating point, as `decide` would."""
    return bool(1 - softmax(evidence.log_probabilities / point.temperature)[0] >= point.threshold)


def _caveat(missed: int, defects: int, wanted: float) -> str:
    """Says so where the pictures are too few to show that the wanted miss rate is kept."""
    bound = wilson(missed, defects)[1]
    if bound <= wanted:
        return ""
    return (
        f". So few cannot show that miss rate: with {missed} of them missed, the true rate may be "
        f"as high as {bound:.3f} (95 % interval)"
    )


def _temperature(evidence: Sequence[Evidence]) -> float:
    logs = np.stack([each.log_probabilities for each in evidence])
    truth = np.array([each.truth for each in evidence])
    rows = np.arange(len(truth))
    losses = [-np.log(softmax(logs / t)[rows, truth] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _threshold(
    evidence: Sequence[Evidence], temperature: float, quality: Callable[[Flags, Flags], float]
) -> tuple[float, int]:
    """Returns the defect score at the middle of the best gap, measured in logits, and the misses.

    Args:
        evidence: At least `_FEWEST` pictures of each kind.
        temperature: The temperature of the scores.
        quality: Rates who is called defective against who is.
    """
    p_good = np.array([softmax(each.log_probabilities / temperature)[0] for each in evidence])
    logits = np.log1p(-np.minimum(p_good, 1 - 1e-12)) - np.log(np.maximum(p_good, 1e-12))
    truth = np.array([each.truth != 0 for each in evidence])
    ordered = np.unique(logits)
    # Below all scores there is no gap: that all are called defective is the last resort.
    gaps = np.append(np.diff(ordered), 0.0)
    middles = np.append((ordered[1:] + ordered[:-1]) / 2, ordered[0] - 1e-3)
    if ordered.size < 2:  # a network that says the same of every picture
        return OperatingPoint().threshold, 0
    scores = np.array([quality(logits >= middle, truth) for middle in middles])
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    middle = middles[best[np.argmax(gaps[best])]]
    return float(1 / (1 + np.exp(-middle))), int((truth & (logits < middle)).sum())


def _quality(policy: str, value: float, defects: int) -> Callable[[Flags, Flags], float]:
    if policy == "best_f1":
        return _f1
    most = int(value * defects + 1e-9)

    def few_false_alarms(predicted: Flags, truth: Flags) -> float:
        missed = int((truth & ~predicted).sum())
        return -float("inf") if missed > most else -float((predicted & ~truth).sum())

    return few_false_alarms


def _f1(predicted: Flags, truth: Flags) -> float:
    hits = int((predicted & truth).sum())
    return 2 * hits / max(1, int(predicted.sum()) + int(truth.sum()))


def _mask_threshold(evidence: Sequence[Evidence]) -> float:
    curves: list[Floats] = [each.dice for each in evidence if each.dice is not None]
    if len(curves) < _FEWEST:
        return OperatingPoint().mask_threshold
    return round(float(MASK_THRESHOLDS[int(np.argmax(np.mean(curves, axis=0)))]), 2)
