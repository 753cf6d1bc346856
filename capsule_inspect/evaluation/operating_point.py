"""Choosing the operating point: temperature, threshold and mask threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capsule_inspect.choices import AUTO_POLICY
from capsule_inspect.evaluation.intervals import Flags, Floats, wilson
from capsule_inspect.evaluation.judge import MASK_THRESHOLDS, Evidence
from capsule_inspect.evaluation.metrics import estimate_share
from capsule_inspect.inference.decide import softmax
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.settings.groups import ThresholdSettings
from capsule_inspect.text import as_written

_TEMPERATURES = np.geomspace(0.25, 4.0, 81)
"""The temperatures to try, 3.5 % apart."""
_BLUR = 0.25
"""Scale of the logistic noise that smooths the F1 curve, in logits of the network: about half as
wide as the scores of good pictures spread. Twice as much lifts the threshold over faint defects,
and less lets a single picture move it (`experiments/README.md`)."""
_THRESHOLDS_TRIED = 2001
"""Number of thresholds to try for the best F1, evenly spaced between the lowest and the highest
score. Over a range of 20 logits the step is a twenty-fifth of the blur."""
_MIN_PICTURES = 3
"""Least number of good and of defective pictures. With fewer, defaults are better than a fit."""


def choose_operating_point(
    evidence: Sequence[Evidence],
    wanted: ThresholdSettings,
    chosen_on: str,
    expected: tuple[Metric, ...] = (),
    networks: int = 1,
) -> OperatingPoint:
    """Chooses the operating point on held-out pictures.

    The temperature maximizes the likelihood of the labels (Guo et al., "On Calibration of Modern
    Neural Networks", 2017), the threshold follows the policy, and the mask threshold maximizes the
    mean Dice.

    Args:
        evidence: The network's evidence on pictures it was not trained on.
        wanted: The policy of the threshold.
        chosen_on: Name of these pictures, as text for people.
        expected: The expected error rates, stored with the point.
        networks: Number of networks that judged each picture, each adding one entry of evidence.

    Returns:
        The point; with too few pictures, the defaults, and `chosen_by` says so.
    """
    defects = sum(each.truth != 0 for each in evidence)
    goods = len(evidence) - defects
    if min(defects, goods) < _MIN_PICTURES:
        return OperatingPoint(chosen_by=f"defaults: {chosen_on} has too few pictures to choose on")
    temperature = _temperature(evidence)
    policy = "best_f1" if wanted.policy == AUTO_POLICY else wanted.policy
    threshold, missed = _threshold(evidence, temperature, policy, wanted.value)
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
    """Returns whether a picture is called defective at an operating point, as in `decide`."""
    p_good = softmax(evidence.log_probabilities / point.temperature)[0]
    return as_written(1 - p_good) >= point.threshold


def _caveat(missed: int, defects: int, wanted: float) -> str:
    """Returns a warning if the pictures are too few to confirm the wanted miss rate, else ""."""
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
    evidence: Sequence[Evidence], temperature: float, policy: str, value: float
) -> tuple[float, int]:
    """Returns the threshold on the defect score, and the number of misses at it.

    Args:
        evidence: At least `_MIN_PICTURES` pictures of each kind.
        temperature: The temperature of the scores.
        policy: `best_f1` or `max_miss_rate`.
        value: The highest allowed miss rate, for `max_miss_rate`.
    """
    p_good = np.array([softmax(each.log_probabilities / temperature)[0] for each in evidence])
    logits = np.log1p(-np.minimum(p_good, 1 - 1e-12)) - np.log(np.maximum(p_good, 1e-12))
    truth = np.array([each.truth != 0 for each in evidence])
    if np.ptp(logits) == 0:  # the network gives every picture the same score
        return OperatingPoint().threshold, 0
    if policy == "best_f1":
        logit = _best_f1(logits, truth, _BLUR / temperature)
    else:
        logit = _fewest_false_alarms(logits, truth, int(value * truth.sum() + 1e-9))
    return float(1 / (1 + np.exp(-logit))), int((truth & (logits < logit)).sum())


def _best_f1(logits: Floats, truth: Flags, blur: float) -> float:
    """Returns the logit with the best expected F1 under logistic noise on every score.

    Without noise, F1 has many peaks of nearly the same height, and a single picture can move the
    best threshold from one to another (`experiments/README.md`).
    """
    thresholds = np.linspace(logits.min(), logits.max(), _THRESHOLDS_TRIED)
    alarms = 0.5 + 0.5 * np.tanh((logits - thresholds[:, None]) / (2 * blur))
    scores = 2 * alarms[:, truth].sum(axis=1) / (alarms.sum(axis=1) + truth.sum())
    return float(thresholds[scores >= scores.max() - 1e-12].mean())


def _fewest_false_alarms(logits: Floats, truth: Flags, most: int) -> float:
    """Returns the threshold with the fewest false alarms among those with at most `most` misses.

    It is the middle of the widest gap between scores that qualifies.
    """
    ordered = np.unique(logits)
    # The last threshold lies below all scores and has no gap: it is chosen only if no other can be.
    gaps = np.append(np.diff(ordered), 0.0)
    middles = np.append((ordered[1:] + ordered[:-1]) / 2, ordered[0] - 1e-3)
    alarms = logits >= middles[:, None]
    false = (alarms & ~truth).sum(axis=1)
    false = np.where((truth & ~alarms).sum(axis=1) > most, len(truth) + 1, false)
    best = np.flatnonzero(false == false.min())
    return float(middles[best[np.argmax(gaps[best])]])


def _mask_threshold(evidence: Sequence[Evidence]) -> float:
    curves: list[Floats] = [each.dice for each in evidence if each.dice is not None]
    if len(curves) < _MIN_PICTURES:
        return OperatingPoint().mask_threshold
    return round(float(MASK_THRESHOLDS[int(np.argmax(np.mean(curves, axis=0)))]), 2)


_PARTS = 5
"""Number of parts of a held-out split for cross-fitting: each point is chosen on four fifths of the
pictures."""


@dataclass(frozen=True)
class CrossFit:
    """Cross-fitted operating points: each was chosen without the pictures it is used on.

    Attributes:
        points: One for each part, chosen on the other parts.
        expected: `false_alarm_rate` and `miss_rate`, with each part judged at its own point.
    """

    points: tuple[OperatingPoint, ...]
    expected: tuple[Metric, ...]


def cross_fit(
    parts: Sequence[Sequence[Evidence]], wanted: ThresholdSettings, chosen_on: str
) -> CrossFit:
    """Chooses an operating point for each part on the others, and measures the error rates.

    Args:
        parts: At least two parts; each picture is in one of them.
        wanted: The policy of the threshold.
        chosen_on: Name of the pictures a point is chosen on, as text for people.
    """
    points, alarms, misses = [], [], []
    for number, part in enumerate(parts):
        others = [each for i, other in enumerate(parts) if i != number for each in other]
        point = choose_operating_point(others, wanted, chosen_on)
        points.append(point)
        alarms += [is_alarm(each, point) for each in part if each.truth == 0]
        misses += [not is_alarm(each, point) for each in part if each.truth != 0]
    shares = estimate_share("false_alarm_rate", alarms), estimate_share("miss_rate", misses)
    return CrossFit(tuple(points), tuple(share for share in shares if share is not None))


def choose_on_split(
    evidence: Sequence[Evidence], wanted: ThresholdSettings, chosen_on: str
) -> OperatingPoint:
    """Chooses the operating point on one held-out split, with its expected error rates.

    Args:
        evidence: The network's evidence on the split.
        wanted: The policy of the threshold.
        chosen_on: Name of the split, as text for people.
    """
    ordered = sorted(evidence, key=lambda each: each.truth)  # stratifies the parts by class
    parts = [ordered[start::_PARTS] for start in range(_PARTS)]
    expected = cross_fit(parts, wanted, chosen_on).expected
    return choose_operating_point(evidence, wanted, chosen_on, expected)
