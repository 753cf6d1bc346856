"""The metrics of `evaluate`, each with a 95 % confidence interval."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from capsule_inspect.choices import GOOD, NO_CAPSULE
from capsule_inspect.evaluation.intervals import (
    NO_INTERVAL,
    RESAMPLES,
    Flags,
    Floats,
    bootstrap_mean,
    can_resample,
    newcombe_auroc,
    percentiles,
    resample,
    wilson,
)
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.pixels import PIXEL_METRICS, measure_pixels
from capsule_inspect.modelfile.metadata import Metric


def estimate_share(name: str, outcomes: Sequence[bool]) -> Metric | None:
    """Returns the share of true outcomes, with Wilson's interval; None without outcomes.

    Args:
        name: Name of the metric.
        outcomes: One outcome per picture.
    """
    if not outcomes:
        return None
    successes, n = sum(outcomes), len(outcomes)
    return Metric(name, successes / n, n, *wilson(successes, n))


def estimate_mean(name: str, values: Sequence[float]) -> Metric | None:
    """Returns the mean, with a bootstrap interval if the values differ; None without values.

    Args:
        name: Name of the metric.
        values: One value per picture.
    """
    if not values:
        return None
    interval = bootstrap_mean(values) if min(values) < max(values) else NO_INTERVAL
    return Metric(name, sum(values) / len(values), len(values), *interval)


def estimate_auroc(goods: Sequence[float], defects: Sequence[float]) -> Metric | None:
    """Returns the AUROC: the chance that a defective picture outscores a good one; ties count half.

    Args:
        goods: Defect scores of the good pictures.
        defects: Defect scores of the defective pictures.

    Returns:
        `auroc` with Newcombe's interval; None without pictures of both kinds.
    """
    if not goods or not defects:
        return None
    from sklearn.metrics import roc_auc_score

    truth = [0] * len(goods) + [1] * len(defects)
    value = float(roc_auc_score(truth, [*goods, *defects]))
    low, high = newcombe_auroc(value, len(defects), len(goods))
    return Metric("auroc", value, len(truth), low, high)


def estimate_average_precision(goods: Sequence[float], defects: Sequence[float]) -> Metric | None:
    """Returns the average precision, as scikit-learn defines it.

    Close to 1 the coverage of the interval is far too low, since samples of a ranking without
    mistakes have no mistakes either; the interval of AUROC is better there
    (`benchmarks/interval_coverage.py`).

    Args:
        goods: Defect scores of the good pictures.
        defects: Defect scores of the defective pictures.

    Returns:
        `average_precision`, with a bootstrap interval if no kind has a single picture; None without
        pictures of both kinds.
    """
    if not goods or not defects:
        return None
    scores = np.array([*goods, *defects], np.float64)
    defective = np.arange(scores.size) >= len(goods)
    value = _average_precision(scores, defective, np.ones((1, scores.size)))[0]
    if not can_resample(defective):
        return Metric("average_precision", float(value), scores.size, *NO_INTERVAL)
    samples = [
        _average_precision(scores, defective, part)
        for weights in resample(defective, RESAMPLES)
        for part in np.array_split(weights, 1 + weights.size // _CELLS)
    ]
    interval = percentiles(np.concatenate(samples))
    return Metric("average_precision", float(value), scores.size, *interval)


_CELLS = 200_000
"""Counts of pictures in bootstrap samples that are ranked at a time; a few copies of them exist."""


def _average_precision(scores: Floats, defective: Flags, weights: Floats) -> Floats:
    """Returns the sum over thresholds of (step of recall) x precision for each bootstrap sample.

    Args:
        scores: float64 [n].
        defective: bool [n].
        weights: float64 [samples, n]; the count of each picture in each sample.

    Returns:
        float64 [samples].
    """
    order = np.argsort(-scores)
    # Equal scores share a threshold.
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    called = np.cumsum(weights[:, order], axis=1)[:, last]
    hits = np.cumsum((weights * defective)[:, order], axis=1)[:, last]
    # Above the highest score of a sample no picture is called defective, and recall has no step.
    precision = hits / np.maximum(called, 1)
    steps = np.diff(hits, axis=1, prepend=0)
    return np.asarray((steps * precision).sum(axis=1) / hits[:, -1], np.float64)


def segmented(judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Returns the judgements that count for mask metrics: those with an overlap.

    Args:
        judgements: One per picture.

    Returns:
        Empty for a model without a mask head, and if no picture has a true defect pixel: empty
        masks of good pictures alone tell nothing.
    """
    # A picture without a capsule has an empty mask even if the model has no mask head.
    has_mask_head = any(each.overlap for each in judgements if each.label != NO_CAPSULE)
    has_true_masks = any(each.defect_overlap for each in judgements)
    if not has_mask_head or not has_true_masks:
        return ()
    return tuple(each for each in judgements if each.overlap)


METRICS = (
    "accuracy",
    "defect_only_accuracy",
    "presence_accuracy",
    "auroc",
    "average_precision",
    "dice",
    "iou",
    "dice_all",
    "iou_all",
    *PIXEL_METRICS,
    "false_alarm_rate",
    "miss_rate",
)
"""The names of all metrics, in the order of tables."""

PICTURE_METRICS = tuple(name for name in METRICS if name not in PIXEL_METRICS)
"""The metrics that need no pixel tallies; validation during training uses them."""


def measure(judgements: Sequence[Judgement]) -> tuple[Metric, ...]:
    """Computes every metric that the pictures allow.

    A metric that cannot be computed is left out, not zero. `auroc` and `average_precision` need
    good and defective pictures. Mask metrics need a model with a mask head and a picture with a
    true defect pixel; `PIXEL_METRICS` also need pixel tallies.

    A picture is called defective if its label is not `good`. So one without a capsule is called
    defective, and its label is always wrong. `docs/metrics.md` has formulas and sources.

    - `accuracy`: share of pictures with the right label; `defect_only_accuracy`: the same among
      defective pictures.
    - `presence_accuracy`: share of pictures correctly called good or defective.
    - `auroc`: chance that a defective picture outscores a good one; `average_precision`: mean
      precision over the steps of recall. Both rank by defect score.
    - `dice` and `iou`: means over the pictures with a true defect pixel, where an empty mask scores
      0; `dice_all` and `iou_all`: means over all pictures with a known mask, where two empty masks
      score 1.
    - `pixel_auroc`, `aupro` and `pixel_f1`: see `measure_pixels`.
    - `false_alarm_rate`: share of good pictures called defective; `miss_rate`: share of defective
      pictures labelled `good`.

    Args:
        judgements: One per picture, at least one.

    Returns:
        Metrics in the order of `METRICS`, each in [0, 1] and with its 95 % interval.
    """
    goods = [each for each in judgements if each.truth == GOOD]
    defects = [each for each in judgements if each.truth != GOOD]
    scores = [[each.defect_score for each in part] for part in (goods, defects)]
    masked = segmented(judgements)
    overlaps = [each.overlap for each in masked if each.overlap]
    on_defects = [overlap for overlap in overlaps if overlap.true]
    metrics = (
        estimate_share("accuracy", [each.label == each.truth for each in judgements]),
        estimate_share("defect_only_accuracy", [each.label == each.truth for each in defects]),
        estimate_share(
            "presence_accuracy",
            [(each.label == GOOD) == (each.truth == GOOD) for each in judgements],
        ),
        estimate_auroc(*scores),
        estimate_average_precision(*scores),
        estimate_mean("dice", [overlap.dice for overlap in on_defects]),
        estimate_mean("iou", [overlap.iou for overlap in on_defects]),
        estimate_mean("dice_all", [overlap.dice for overlap in overlaps]),
        estimate_mean("iou_all", [overlap.iou for overlap in overlaps]),
        *measure_pixels([each.pixels for each in masked if each.pixels]),
        estimate_share("false_alarm_rate", [each.label != GOOD for each in goods]),
        estimate_share("miss_rate", [each.label == GOOD for each in defects]),
    )
    return tuple(metric for metric in metrics if metric is not None)


CLASS_METRICS = ("recall", "precision", "presence", "dice", "iou")
"""The names of all metrics of a class, in the order of tables."""


@dataclass(frozen=True)
class ClassMetrics:
    """The metrics of one class.

    Attributes:
        name: The class.
        n: Number of pictures of the class.
        metrics: The metrics that the pictures allow, in the order of `CLASS_METRICS`.
    """

    name: str
    n: int
    metrics: tuple[Metric, ...]


def measure_classes(
    judgements: Sequence[Judgement], classes: Sequence[str]
) -> tuple[ClassMetrics, ...]:
    """Computes the metrics of each class.

    - `recall`: share of the pictures of the class that have its label.
    - `precision`: share of the pictures with the label that are of the class.
    - `presence`: share of the pictures of the class that are called defective.
    - `dice` and `iou`: means over the pictures of the class with a true defect pixel.

    A metric that cannot be computed is left out.

    Args:
        judgements: One per picture.
        classes: Class names, `good` first.

    Returns:
        The metrics of each class, in the order of `classes`.
    """
    return tuple(
        ClassMetrics(
            name,
            sum(each.truth == name for each in judgements),
            tuple(_of_class(judgements, name)),
        )
        for name in classes
    )


def _of_class(judgements: Sequence[Judgement], name: str) -> Iterator[Metric]:
    members = [each for each in judgements if each.truth == name]
    labelled = [each for each in judgements if each.label == name]
    overlaps = [
        overlap
        for each in segmented(judgements)
        if each.truth == name and (overlap := each.defect_overlap)
    ]
    estimates = (
        estimate_share("recall", [each.label == name for each in members]),
        estimate_share("precision", [each.truth == name for each in labelled]),
        estimate_share("presence", [each.label != GOOD for each in members]),
        estimate_mean("dice", [overlap.dice for overlap in overlaps]),
        estimate_mean("iou", [overlap.iou for overlap in overlaps]),
    )
    return (estimate for estimate in estimates if estimate is not None)


@dataclass(frozen=True)
class ConfusionMatrix:
    """The number of judgements by true class and label.

    Attributes:
        rows: The true classes.
        columns: The labels: the same classes and `NO_CAPSULE`.
        counts: Number of judgements, row by row. A picture counts once for each judgement.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def without_empty_column(self) -> "ConfusionMatrix":
        """Returns the matrix without the column `NO_CAPSULE` if no picture got that label."""
        if self.columns[-1] != NO_CAPSULE or any(counts[-1] for counts in self.counts):
            return self
        counts = tuple(each[:-1] for each in self.counts)
        return ConfusionMatrix(self.rows, self.columns[:-1], counts)


def confusion_matrix(judgements: Sequence[Judgement], classes: tuple[str, ...]) -> ConfusionMatrix:
    """Counts the confusion matrix.

    Args:
        judgements: Judgements of pictures of these classes.
        classes: Class names, `good` first.
    """
    pairs = Counter((each.truth, each.label) for each in judgements)
    columns = (*classes, NO_CAPSULE)
    counts = tuple(tuple(pairs[truth, label] for label in columns) for truth in classes)
    return ConfusionMatrix(classes, columns, counts)
