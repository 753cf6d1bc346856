"""Choose the scores at which a person decides, and count what becomes of pictures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from capsule_inspect.choices import GOOD, NO_CAPSULE, Outcome
from capsule_inspect.evaluation.intervals import Flags, Floats
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.metrics import estimate_share
from capsule_inspect.evaluation.thresholds import fewest_false_alarms, fewest_misses
from capsule_inspect.inference.outcome import decide_outcome
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint, ReviewBand
from capsule_inspect.settings.review_rates import ReviewRates


@dataclass(frozen=True)
class Sorted:
    """What became of one picture.

    Attributes:
        is_defective: Whether it is defective in truth.
        outcome: The decision about it.
    """

    is_defective: bool
    outcome: Outcome


def choose_band(logits: Floats, truth: Flags, threshold: float, wanted: ReviewRates) -> ReviewBand:
    """Chooses the band on held-out pictures.

    Its lower end has the fewest good pictures above it while at most the wanted share of the
    defective ones lies below; the upper end the fewest defective ones below it while at most the
    wanted share of the good ones lies above. The threshold lies between them, so that what is
    accepted is labelled good, and what is rejected defective.

    Args:
        logits: The log odds of a defect, one for each picture.
        truth: Which pictures are defective.
        threshold: The threshold of the labels, in [0, 1].
        wanted: The rates.
    """
    accept = fewest_false_alarms(logits, truth, _at_most(wanted.miss_rate, truth))
    reject = fewest_misses(logits, truth, _at_most(wanted.false_alarm_rate, ~truth))
    return ReviewBand(
        accept_below=min(_score(accept), threshold),
        reject_from=max(_score(reject), threshold),
        miss_rate=wanted.miss_rate,
        false_alarm_rate=wanted.false_alarm_rate,
    )


def estimate_outcomes(pictures: Sequence[Sorted]) -> tuple[Metric, ...]:
    """Returns the share of good and of defective pictures with each outcome.

    Args:
        pictures: What became of each.

    Returns:
        `good_accept`, `good_review`, `good_reject`, `defect_accept`, `defect_review` and
        `defect_reject`, with Wilson's intervals; only those of kinds that there are.
    """
    shares = [
        estimate_share(
            f"{kind}_{outcome}",
            [each.outcome == outcome for each in pictures if each.is_defective == is_defective],
        )
        for kind, is_defective in (("good", False), ("defect", True))
        for outcome in get_args(Outcome)
    ]
    return tuple(share for share in shares if share is not None)


def sort_judgements(judgements: Iterable[Judgement], point: OperatingPoint) -> Iterator[Sorted]:
    """Yields what becomes of judged pictures at an operating point.

    Args:
        judgements: One per picture.
        point: The operating point of the model that judged them.
    """
    for each in judgements:
        is_doubtful = each.is_doubtful or each.label == NO_CAPSULE
        outcome = decide_outcome(each.defect_score, point, is_doubtful=is_doubtful)
        yield Sorted(each.truth != GOOD, outcome)


def _at_most(rate: float, kind: Flags) -> int:
    return int(rate * kind.sum() + 1e-9)


def _score(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
