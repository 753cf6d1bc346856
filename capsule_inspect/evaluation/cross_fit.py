"""Operating points for parts of the pictures, each chosen on the other parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from capsule_inspect.evaluation.choose_operating_point import choose_operating_point, is_alarm
from capsule_inspect.evaluation.estimates import estimate_share
from capsule_inspect.evaluation.evidence import Evidence
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.threshold_settings import ThresholdSettings

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
