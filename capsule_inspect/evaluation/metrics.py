"""The metrics of a set of judgements; their names and definitions are a contract."""

from collections.abc import Callable, Sequence

from capsule_inspect.evaluation.intervals import bootstrap_mean, newcombe_auroc, wilson
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.modelfile.metadata import Metric

METRICS = (
    "accuracy",
    "defect_only_accuracy",
    "presence_accuracy",
    "auroc",
    "dice",
    "iou",
    "false_alarm_rate",
    "miss_rate",
)
"""Every metric by name, in the order of tables."""


def measure(judgements: Sequence[Judgement], good: str = "good") -> tuple[Metric, ...]:
    """Computes every metric that the pictures allow.

    A metric is left out, not zero, where no picture carries it: `auroc` needs good and defective
    pictures, `dice` and `iou` need true masks.

    Args:
        judgements: One per picture, at least one.
        good: The name of the sound class.

    Returns:
        Metrics in the order of `METRICS`, each with its 95 % interval.
    """
    goods = [each for each in judgements if each.truth == good]
    defects = [each for each in judgements if each.truth != good]
    overlaps = [overlap for each in defects if (overlap := each.defect_overlap)]
    metrics = [
        _share("accuracy", judgements, lambda each: each.label == each.truth),
        _share("defect_only_accuracy", defects, lambda each: each.label == each.truth),
        _share(
            "presence_accuracy",
            judgements,
            lambda each: (each.label == good) == (each.truth == good),
        ),
        _auroc(goods, defects),
        _mean("dice", [overlap.dice for overlap in overlaps]),
        _mean("iou", [overlap.iou for overlap in overlaps]),
        _share("false_alarm_rate", goods, lambda each: each.label != good),
        _share("miss_rate", defects, lambda each: each.label == good),
    ]
    return tuple(metric for metric in metrics if metric is not None)


def _share(
    name: str, judgements: Sequence[Judgement], holds: Callable[[Judgement], bool]
) -> Metric | None:
    if not judgements:
        return None
    successes, n = sum(holds(each) for each in judgements), len(judgements)
    return Metric(name, successes / n, n, *wilson(successes, n))


def _mean(name: str, values: Sequence[float]) -> Metric | None:
    if not values:
        return None
    return Metric(name, sum(values) / len(values), len(values), *bootstrap_mean(values))


def _auroc(goods: Sequence[Judgement], defects: Sequence[Judgement]) -> Metric | None:
    if not goods or not defects:
        return None
    from sklearn.metrics import roc_auc_score

    truth = [0] * len(goods) + [1] * len(defects)
    scores = [each.defect_score for each in (*goods, *defects)]
    value = float(roc_auc_score(truth, scores))
    low, high = newcombe_auroc(value, len(defects), len(goods))
    return Metric("auroc", value, len(truth), low, high)
