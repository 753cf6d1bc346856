"""Evaluation of one model on a split."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from capsule_inspect.choices import ALL, GOOD, SPLITS, SPLITS_AND_ALL
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


@dataclass(frozen=True)
class Evaluation:
    """The results of a model, or of the models of several seeds, on labelled pictures.

    Attributes:
        split: The split, or `ALL`.
        classes: Class names, `good` first.
        judgements: One per picture, sorted by path; with several seeds, seed after seed.
        metrics: All metrics that the pictures allow; with several seeds, their means.
        per_class: The metrics of each class.
        confusion: The confusion matrix; with several seeds, the sum.
        seeds: Number of seeds, and of judgements per picture.
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
    """Inspects a split with the same code as `predict`, and computes all metrics.

    Args:
        data: The data set.
        split: One of `train`, `val` and `test`, or `ALL`.
        inspector: A network at its operating point.
        advance: Called after each picture.

    Raises:
        UsageError: The split is unknown.
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
    """Computes all metrics of judgements.

    Args:
        split: The split of the pictures, or `ALL`.
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
    """Checks that a model knows the classes of all samples.

    Raises:
        DataError: A class is unknown to the model.
    """
    unknown = sorted({sample.label for sample in samples} - set(classes))
    if unknown:
        raise DataError(
            f"The model does not know the classes {', '.join(unknown)}; it was trained on "
            f"{', '.join(classes)}. Give a data set with these classes."
        )


def choose_samples(data: DataSet, split: str) -> tuple[Sample, ...]:
    """Returns the samples of a split.

    Raises:
        UsageError: The split is unknown.
        DataError: The split is empty.
    """
    if split not in SPLITS_AND_ALL:
        raise UsageError(
            f"There is no split '{split}'.{suggest(split, SPLITS_AND_ALL)} "
            f"It can be {', '.join(SPLITS)} or {ALL}."
        )
    samples = data.samples if split == ALL else data.of_split(split)
    if not samples:
        raise DataError(f"The split '{split}' of the data set is empty. Choose another --split.")
    return samples


_EXAMPLES = 12
"""Most pictures of each kind: enough to see the errors, and each costs an inspection and space in
the page."""


@dataclass(frozen=True)
class Examples:
    """Example pictures of each kind, the most telling first.

    Attributes:
        misses: Defective pictures labelled `good`; lowest defect score first.
        false_alarms: Good pictures called defective; highest defect score first.
        confused: Defective pictures with the label of another defect; most confident first.
        poor_masks: Detected defects; lowest Dice first.
        best: Correctly labelled defects; highest Dice first, or highest score without masks.
    """

    misses: tuple[Judgement, ...]
    false_alarms: tuple[Judgement, ...]
    confused: tuple[Judgement, ...]
    poor_masks: tuple[Judgement, ...]
    best: tuple[Judgement, ...]


def choose_examples(judgements: Sequence[Judgement]) -> Examples:
    """Chooses up to twelve pictures of each kind.

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
    return tuple(sorted(judgements, key=order)[:_EXAMPLES])


def _score(judgement: Judgement) -> float:
    return judgement.defect_score


def _dice(judgement: Judgement) -> float:
    return judgement.overlap.dice if judgement.overlap else 0.0
