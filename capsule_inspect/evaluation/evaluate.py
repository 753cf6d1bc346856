"""Evaluate one model on a split."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from capsule_inspect.choices import GOOD, SPLITS
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.evaluation.judge import Judgement, judge
from capsule_inspect.evaluation.metrics import (
    ClassMetrics,
    ConfusionMatrix,
    confusion_matrix,
    measure,
    measure_classes,
)
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.text import suggest

ALL = "all"
"""The name that stands for every split."""


@dataclass(frozen=True)
class Evaluation:
    """How a model did on pictures whose truth is known, or the models of several seeds did.

    Attributes:
        split: Which pictures: a split, or `ALL`.
        classes: Class names, `good` first.
        judgements: One per picture, sorted by path; of several seeds, those of one after the other.
        metrics: Every metric the pictures allow; of several seeds the means.
        per_class: The same for the pictures of each class.
        confusion: Which class was taken for which; of several seeds the sum.
        seeds: How many seeds there are: how often each picture was judged.
    """

    split: str
    classes: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    metrics: tuple[Metric, ...]
    per_class: tuple[ClassMetrics, ...]
    confusion: ConfusionMatrix
    seeds: int = 1


def evaluate(
    data: DataSet,
    split: str,
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Inspects a split through the code path of `predict`, and measures.

    Args:
        data: The data set.
        split: One of `train`, `val` and `test`, or `ALL`.
        inspector: A network and its operating point.
        advance: Called after each picture.

    Raises:
        UsageError: There is no such split.
        DataError: The split is empty, or the model does not know the data set's classes.
        PictureError: A picture or mask cannot be read.
    """
    samples = choose_samples(data, split)
    require_known_classes(samples, inspector.classes)
    judgements = judge(data, samples, inspector, advance, with_pixels=True)
    return summarize(split, inspector.classes, judgements)


def summarize(
    split: str, classes: tuple[str, ...], judgements: tuple[Judgement, ...]
) -> Evaluation:
    """Measures judgements in every way.

    Args:
        split: Which pictures they are of.
        classes: Class names, `good` first.
        judgements: One per picture.
    """
    return Evaluation(
        split=split,
        classes=classes,
        judgements=judgements,
        metrics=measure(judgements),
        per_class=measure_classes(judgements, classes),
        confusion=confusion_matrix(judgements, classes),
    )


def require_known_classes(samples: Iterable[Sample], classes: Sequence[str]) -> None:
    """Checks that a model knows every class of samples.

    Raises:
        DataError: It does not.
    """
    unknown = sorted({sample.label for sample in samples} - set(classes))
    if unknown:
        raise DataError(
            f"The model does not know the classes {', '.join(unknown)}; it was trained on "
            f"{', '.join(classes)}. Give the data set it was made for."
        )


def choose_samples(data: DataSet, split: str) -> tuple[Sample, ...]:
    """Returns the samples of a split.

    Raises:
        UsageError: There is no such split.
        DataError: It is empty.
    """
    if split not in (*SPLITS, ALL):
        raise UsageError(
            f"There is no split '{split}'.{suggest(split, (*SPLITS, ALL))} "
            f"It can be {', '.join(SPLITS)} or {ALL}."
        )
    samples = data.samples if split == ALL else data.of_split(split)
    if not samples:
        raise DataError(f"The split '{split}' of the data set is empty. Choose another --split.")
    return samples


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
