"""Choose the threshold and the temperature."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capsule_inspect.evaluation.intervals import Flags, Floats, wilson
from capsule_inspect.evaluation.judge import MASK_THRESHOLDS, Evidence
from capsule_inspect.evaluation.metrics import estimate_share
from capsule_inspect.inference.decide import softmax
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.settings.groups import AUTO, ThresholdSettings

_TEMPERATURES = np.geomspace(0.25, 4.0, 81)
"""The temperatures that are tried, 3.5 % apart."""
_BLUR = 0.5
"""Scale of the noise that scores are blurred with for the best F1, in logits of the network. From
this on the threshold was steady, of scales from 0.05 to 1 (`experiments/README.md`)."""
_THRESHOLDS_TRIED = 2001
"""For the best F1, evenly between the least and the largest score: over 20 logits that are
steps of a fiftieth of the blur."""
_LEAST_PICTURES = 3
"""Of each kind. With fewer good or defective ones, defaults are better than a fit."""


def choose_operating_point(
    evidence: Sequence[Evidence],
    wanted: ThresholdSettings,
    chosen_on: str,
    expected: tuple[Metric, ...] = (),
    networks: int = 1,
) -> OperatingPoint:
    """Chooses the operating point on held-out pictures.

    Temperature by the likelihood of the labels (Guo et al., "On Calibration of Modern Neural
    Networks", 2017); threshold by the policy; mask threshold by mean Dice.

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
    if min(defects, goods) < _LEAST_PICTURES:
        return OperatingPoint(chosen_by=f"defaults: {chosen_on} has too few pictures to choose on")
    temperature = _temperature(evidence)
    policy = "best_f1" if wanted.policy == AUTO else wanted.policy
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
    evidence: Sequence[Evidence], temperature: float, policy: str, value: float
) -> tuple[float, int]:
    """Returns the defect score from which a picture is called defective, and the misses.

    Args:
        evidence: At least `_LEAST_PICTURES` pictures of each kind.
        temperature: The temperature of the scores.
        policy: `best_f1` or `max_miss_rate`.
        value: Largest share of the defects that may be missed, for `max_miss_rate`.
    """
    p_good = np.array([softmax(each.log_probabilities / temperature)[0] for each in evidence])
    logits = np.log1p(-np.minimum(p_good, 1 - 1e-12)) - np.log(np.maximum(p_good, 1e-12))
    truth = np.array([each.truth != 0 for each in evidence])
    if np.ptp(logits) == 0:  # a network that says the same of every picture
        return OperatingPoint().threshold, 0
    if policy == "best_f1":
        logit = _best_f1(logits, truth, _BLUR / temperature)
    else:
        logit = _fewest_false_alarms(logits, truth, int(value * truth.sum() + 1e-9))
    return float(1 / (1 + np.exp(-logit))), int((truth & (logits < logit)).sum())


def _best_f1(logits: Floats, truth: Flags, blur: float) -> float:
    """Returns the logit with the best F1 if every score were blurred by logistic noise.

    The F1 of the scores as they are has many peaks of nearly the same height, and a picture more or
    less makes it jump from one to another (`experiments/README.md`).
    """
    thresholds = np.linspace(logits.min(), logits.max(), _THRESHOLDS_TRIED)
    alarms = 0.5 + 0.5 * np.tanh((logits - thresholds[:, None]) / (2 * blur))
    scores = 2 * alarms[:, truth].sum(axis=1) / (alarms.sum(axis=1) + truth.sum())
    return float(thresholds[scores >= scores.max() - 1e-12].mean())


def _fewest_false_alarms(logits: Floats, truth: Flags, most: int) -> float:
    """Returns the middle of the widest gap with the fewest false alarms and `most` misses."""
    ordered = np.unique(logits)
    # Below all scores there is no gap: that all are called defective is the last resort.
    gaps = np.append(np.diff(ordered), 0.0)
    middles = np.append((ordered[1:] + ordered[:-1]) / 2, ordered[0] - 1e-3)
    alarms = logits >= middles[:, None]
    false = (alarms & ~truth).sum(axis=1)
    false = np.where((truth & ~alarms).sum(axis=1) > most, len(truth) + 1, false)
    best = np.flatnonzero(false == false.min())
    return float(middles[best[np.argmax(gaps[best])]])


def _mask_threshold(evidence: Sequence[Evidence]) -> float:
    curves: list[Floats] = [each.dice for each in evidence if each.dice is not None]
    if len(curves) < _LEAST_PICTURES:
        return OperatingPoint().mask_threshold
    return round(float(MASK_THRESHOLDS[int(np.argmax(np.mean(curves, axis=0)))]), 2)


_PARTS = 5
"""Into which a held-out split is dealt. Each point is then chosen on four fifths of
the pictures that the final one is chosen on."""


@dataclass(frozen=True)
class CrossFit:
    """Operating points that the pictures they are used on had no part in.

    Attributes:
        points: One for each part, chosen on the other parts.
        expected: `false_alarm_rate` and `miss_rate`, each part judged at its own point.
    """

    points: tuple[OperatingPoint, ...]
    expected: tuple[Metric, ...]


def cross_fit(
    parts: Sequence[Sequence[Evidence]], wanted: ThresholdSettings, chosen_on: str
) -> CrossFit:
    """Chooses an operating point for each part, and counts the errors.

    Args:
        parts: At least two; each picture in one of them.
        wanted: The policy of the threshold.
        chosen_on: Which pictures a point is chosen on, for people.
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
    """Chooses the operating point on one held-out split, with the error rates to expect of it.

    Args:
        evidence: What the network says of the split.
        wanted: The policy of the threshold.
        chosen_on: Which pictures these are, for people.
    """
    ordered = sorted(evidence, key=lambda each: each.truth)  # so that every part gets every class
    parts = [ordered[start::_PARTS] for start in range(_PARTS)]
    expected = cross_fit(parts, wanted, chosen_on).expected
    return choose_operating_point(evidence, wanted, chosen_on, expected)
