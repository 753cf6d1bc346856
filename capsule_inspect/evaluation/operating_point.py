"""Choosing the operating point: temperature, threshold and mask threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from capsule_inspect.choices import AUTO_POLICY
from capsule_inspect.evaluation.intervals import Flags, Floats, wilson
from capsule_inspect.evaluation.judge import MASK_THRESHOLDS, Evidence
from capsule_inspect.evaluation.metrics import estimate_share
from capsule_inspect.evaluation.review_band import Sorted, choose_band, estimate_outcomes
from capsule_inspect.evaluation.thresholds import best_f1, fewest_false_alarms, fewest_misses
from capsule_inspect.inference.decide import softmax
from capsule_inspect.inference.outcome import decide_outcome
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.settings.groups import ThresholdSettings
from capsule_inspect.text import as_written

_TEMPERATURES = np.geomspace(0.25, 4.0, 81)
"""The temperatures to try, 3.5 % apart."""
_BLUR = 0.25
"""Scale of the logistic noise that smooths the F1 curve, in logits of the network: about half as
wide as the scores of good pictures spread. Twice as much lifts the threshold over faint defects,
and less lets a single picture move it (`experiments/README.md`)."""
_MIN_PICTURES = 3
"""Least number of good and of defective pictures. With fewer, defaults are better than a fit."""


def choose_operating_point(
    evidence: Sequence[Evidence],
    wanted: ThresholdSettings,
    chosen_on: str,
    expected: tuple[Metric, ...] = (),
    outcomes: tuple[Metric, ...] = (),
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
        outcomes: The expected outcomes, stored with the review band if there is one.
        networks: Number of networks that judged each picture, each adding one entry of evidence.

    Returns:
        The point; with too few pictures, the defaults, and `chosen_by` says so.
    """
    defects = sum(each.truth != 0 for each in evidence)
    goods = len(evidence) - defects
    if min(defects, goods) < _MIN_PICTURES:
        return OperatingPoint(chosen_by=f"defaults: {chosen_on} has too few pictures to choose on")
    temperature = _temperature(evidence)
    logits, truth = _log_odds(evidence, temperature)
    policy = "best_f1" if wanted.policy == AUTO_POLICY else wanted.policy
    threshold, missed = _threshold(logits, truth, _BLUR / temperature, policy, wanted.value)
    aims = {
        "best_f1": "best F1",
        "max_miss_rate": f"at most {wanted.value:.4g} of the defects missed",
        "max_false_alarm_rate": f"at most {wanted.value:.4g} of the good called defective",
    }
    rates = wanted.review_rates
    band = choose_band(logits, truth, threshold, rates) if rates else None
    caveat = ""
    if policy == "max_miss_rate":
        caveat = _caveat(round(missed / networks), defects // networks, wanted.value)
    return OperatingPoint(
        temperature=temperature,
        threshold=threshold,
        mask_threshold=_mask_threshold(evidence),
        chosen_by=(
            f"likelihood, {aims[policy]} and best Dice on {chosen_on}: "
            f"{goods // networks} good and {defects // networks} defective pictures{caveat}"
        ),
        policy=policy,
        policy_value=wanted.value,
        expected=expected,
        review=band and replace(band, expected=outcomes),
    )


def is_alarm(evidence: Evidence, point: OperatingPoint) -> bool:
    """Returns whether a picture is called defective at an operating point, as in `decide`."""
    return _score(evidence, point) >= point.threshold


def _score(evidence: Evidence, point: OperatingPoint) -> float:
    p_good = softmax(evidence.log_probabilities / point.temperature)[0]
    return as_written(1 - p_good)


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


def _log_odds(evidence: Sequence[Evidence], temperature: float) -> tuple[Floats, Flags]:
    """Returns the log odds of a defect at a temperature, and which pictures are defective."""
    p_good = np.array([softmax(each.log_probabilities / temperature)[0] for each in evidence])
    logits = np.log1p(-np.minimum(p_good, 1 - 1e-12)) - np.log(np.maximum(p_good, 1e-12))
    return logits, np.array([each.truth != 0 for each in evidence])


def _threshold(
    logits: Floats, truth: Flags, blur: float, policy: str, value: float
) -> tuple[float, int]:
    """Returns the threshold on the defect score, and the number of misses at it.

    Args:
        logits: The log odds of a defect; of at least `_MIN_PICTURES` pictures of each kind.
        truth: Which pictures are defective.
        blur: Scale of the noise for the best F1, in log odds.
        policy: One of `POLICIES`.
        value: The highest allowed miss rate or false alarm rate; not for `best_f1`.
    """
    if np.ptp(logits) == 0:  # the network gives every picture the same score
        return OperatingPoint().threshold, 0
    if policy == "best_f1":
        logit = best_f1(logits, truth, blur)
    elif policy == "max_miss_rate":
        logit = fewest_false_alarms(logits, truth, int(value * truth.sum() + 1e-9))
    else:
        logit = fewest_misses(logits, truth, int(value * (~truth).sum() + 1e-9))
    return float(1 / (1 + np.exp(-logit))), int((truth & (logits < logit)).sum())


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
        outcomes: The shares of accepted, reviewed and rejected pictures, likewise.
    """

    points: tuple[OperatingPoint, ...]
    expected: tuple[Metric, ...]
    outcomes: tuple[Metric, ...]


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
    became: list[Sorted] = []
    for number, part in enumerate(parts):
        others = [each for i, other in enumerate(parts) if i != number for each in other]
        point = choose_operating_point(others, wanted, chosen_on)
        points.append(point)
        alarms += [is_alarm(each, point) for each in part if each.truth == 0]
        misses += [not is_alarm(each, point) for each in part if each.truth != 0]
        became += [
            Sorted(each.truth != 0, decide_outcome(_score(each, point), point)) for each in part
        ]
    shares = estimate_share("false_alarm_rate", alarms), estimate_share("miss_rate", misses)
    expected = tuple(share for share in shares if share is not None)
    return CrossFit(tuple(points), expected, estimate_outcomes(became))


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
    fit = cross_fit(parts, wanted, chosen_on)
    return choose_operating_point(evidence, wanted, chosen_on, fit.expected, fit.outcomes)
