"""The metrics of a set of judgements; their names and definitions are a contract."""

from collections.abc import Sequence

from capsule_inspect.classes import GOOD
from capsule_inspect.evaluation.estimates import (
    estimate_auroc,
    estimate_average_precision,
    estimate_mean,
    estimate_share,
)
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.pixels import PIXEL_METRICS, measure_pixels
from capsule_inspect.evaluation.segmented import segmented
from capsule_inspect.modelfile.metric import Metric

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
"""Every metric by name, in the order of tables."""

PICTURE_METRICS = tuple(name for name in METRICS if name not in PIXEL_METRICS)
"""Those that judgements without pixels allow, as in validation during training."""


def measure(judgements: Sequence[Judgement]) -> tuple[Metric, ...]:
    """Computes every metric that the pictures allow.

    A metric is left out, not zero, where no picture carries it: `auroc` and `average_precision`
    need good and defective pictures; what is measured on masks needs a model that makes them and a
    picture with a true defect pixel, and `PIXEL_METRICS` need judgements made with pixels.

    A picture is called defective if its label is not `good`: one without a capsule is, too, but
    by no right name. `docs/metrics.md` has formulas and sources.

    - `accuracy`: share of pictures whose label is their class; `defect_only_accuracy`: the same
      among defective ones.
    - `presence_accuracy`: share of pictures rightly called defective or not.
    - `auroc`: chance that a defective picture scores above a good one; `average_precision`: mean
      precision over the steps of recall. Both by defect score.
    - `dice` and `iou`: means over the pictures with a true defect pixel, where an empty mask scores
      0; `dice_all` and `iou_all`: over all with a known mask, where empty on empty scores 1.
    - `pixel_auroc` and `aupro`: see `measure_pixels`.
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
