"""Which pictures a person should look at after an evaluation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from capsule_inspect.classes import GOOD
from capsule_inspect.evaluation.judge import Judgement

_MOST_OF_A_KIND = 12
"""Enough to see what goes wrong; each is inspected again and drawn into the page."""


@dataclass(frozen=True)
class Examples:
    """Pictures of each kind, those that say most first.

    Attributes:
        misses: Defective, called good; the least suspected first.
        false_alarms: Good, called defective; the surest first.
        confused: Defective and called so, by a wrong name; the surest first.
        poor_masks: Defects found whose mask fits worst.
        best: Defects labelled rightly, with the masks that fit best; of a model without masks the
            surest.
    """

    misses: tuple[Judgement, ...]
    false_alarms: tuple[Judgement, ...]
    confused: tuple[Judgement, ...]
    poor_masks: tuple[Judgement, ...]
    best: tuple[Judgement, ...]


def choose_examples(judgements: Sequence[Judgement]) -> Examples:
    """Chooses at most twelve pictures of each kind.

    Args:
        judgements: One per picture.
    """
    defective = [each for each in judgements if each.truth != GOOD]
    found = [each for each in defective if each.label != GOOD]
    masked = [each for each in found if each.defect_overlap]
    return Examples(
        misses=_first([each for each in defective if each.label == GOOD], _score),
        false_alarms=_first(
            [each for each in judgements if each.truth == GOOD != each.label],
            lambda each: -_score(each),
        ),
        confused=_first(
            [each for each in found if each.label != each.truth],
            lambda each: -max(each.probabilities[1:], default=0),
        ),
        poor_masks=_first(masked, _dice),
        best=_first(
            [each for each in masked or found if each.label == each.truth],
            lambda each: (-_dice(each), -_score(each)),
        ),
    )


def _first(
    judgements: Iterable[Judgement], order: Callable[[Judgement], float | tuple[float, ...]]
) -> tuple[Judgement, ...]:
    return tuple(sorted(judgements, key=order)[:_MOST_OF_A_KIND])


def _score(judgement: Judgement) -> float:
    return judgement.defect_score


def _dice(judgement: Judgement) -> float:
    return judgement.overlap.dice if judgement.overlap else 0.0
