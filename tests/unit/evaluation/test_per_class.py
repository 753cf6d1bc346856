import pytest

from capsule_inspect.evaluation.intervals import bootstrap_mean, wilson
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement
from capsule_inspect.evaluation.overlap import Overlap
from capsule_inspect.evaluation.per_class import CLASS_METRICS, measure_classes

CLASSES = ("good", "crack", "poke", "squeeze")


def judgement(truth: str, label: str, overlap: Overlap | None = None) -> Judgement:
    return Judgement("a.png", "0" * 64, truth, label, 0.5, (), overlap)


JUDGEMENTS = [
    judgement("good", "good", Overlap(0, 0, 0)),
    judgement("good", "good"),
    judgement("good", "crack", Overlap(0, 5, 0)),
    judgement("crack", "crack", Overlap(2, 3, 5)),  # dice 4/8, iou 2/6
    judgement("crack", "poke", Overlap(3, 3, 3)),  # 1
    judgement("crack", "good", Overlap(0, 0, 4)),  # 0
    judgement("crack", NO_CAPSULE),
    judgement("poke", "crack"),
]


def test_classes_worked_out_by_hand():
    classes = measure_classes(JUDGEMENTS, CLASSES)
    assert [(each.name, each.n) for each in classes] == [
        ("good", 3),
        ("crack", 4),
        ("poke", 1),
        ("squeeze", 0),
    ]
    values = [{metric.name: metric.value for metric in each.metrics} for each in classes]
    good, crack, poke, squeeze = values
    assert good == pytest.approx({"recall": 2 / 3, "precision": 2 / 3, "presence": 1 / 3})
    assert crack == pytest.approx(
        {
            "recall": 1 / 4,
            "precision": 1 / 3,
            "presence": 3 / 4,
            "dice": 1.5 / 3,
            "iou": (1 / 3 + 1) / 3,
        }
    )
    assert tuple(crack) == CLASS_METRICS
    assert poke == {"recall": 0, "precision": 0, "presence": 1}
    # No picture is of it and none was taken for it.
    assert squeeze == {}


def test_intervals_and_sizes_are_those_of_the_pictures_that_count():
    crack = {metric.name: metric for metric in measure_classes(JUDGEMENTS, CLASSES)[1].metrics}
    sizes = {name: metric.n for name, metric in crack.items()}
    assert sizes == {"recall": 4, "precision": 3, "presence": 4, "dice": 3, "iou": 3}
    assert (crack["recall"].low, crack["recall"].high) == wilson(1, 4)
    assert (crack["precision"].low, crack["precision"].high) == wilson(1, 3)
    assert (crack["presence"].low, crack["presence"].high) == wilson(3, 4)
    assert (crack["dice"].low, crack["dice"].high) == bootstrap_mean([0.5, 1, 0])


def test_a_model_without_a_mask_head_has_no_overlap_in_any_class():
    judgements = [judgement("crack", "crack"), judgement("crack", NO_CAPSULE, Overlap(0, 0, 9))]
    crack = measure_classes(judgements, CLASSES)[1]
    assert [metric.name for metric in crack.metrics] == ["recall", "precision", "presence"]
