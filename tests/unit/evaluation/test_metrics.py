from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule_inspect.evaluation.intervals import bootstrap_mean, wilson
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement
from capsule_inspect.evaluation.metrics import METRICS, PICTURE_METRICS, measure
from capsule_inspect.evaluation.overlap import Overlap
from capsule_inspect.evaluation.pixel_tally import PixelTally, tally_pixels

CLASSES = ("good", "crack", "poke")


def judgement(
    truth: str,
    label: str,
    score: float = 0.5,
    overlap: Overlap | None = None,
    pixels: PixelTally | None = None,
):
    return Judgement("a.png", "0" * 64, truth, label, score, (), overlap, pixels)


def by_name(judgements, **options):
    return {metric.name: metric for metric in measure(judgements, **options)}


OVERLAPS = st.none() | st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)).map(
    lambda n: Overlap(intersection=n[0], predicted=n[0] + n[1], true=n[0] + n[2])
)
JUDGEMENTS = st.builds(
    judgement,
    st.sampled_from(CLASSES),
    st.sampled_from((*CLASSES, NO_CAPSULE)),
    st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]),
    OVERLAPS,
)


def share(values: list[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def dice(overlap: Overlap) -> float:
    if overlap.predicted == overlap.true == 0:
        return 1
    return 2 * overlap.intersection / (overlap.predicted + overlap.true)


def iou(overlap: Overlap) -> float:
    if overlap.predicted == overlap.true == 0:
        return 1
    return overlap.intersection / (overlap.predicted + overlap.true - overlap.intersection)


def average_precision(judgements: list[Judgement]) -> float:
    """The precision at each threshold, times what recall gains there."""
    defects, total, last = sum(j.truth != "good" for j in judgements), 0.0, 0.0
    for threshold in sorted({j.defect_score for j in judgements}, reverse=True):
        called = [j for j in judgements if j.defect_score >= threshold]
        hits = sum(j.truth != "good" for j in called)
        total += (hits / defects - last) * hits / len(called)
        last = hits / defects
    return total


@settings(deadline=None)
@given(st.lists(JUDGEMENTS, min_size=1, max_size=25))
def test_metrics_are_what_their_names_say(judgements):
    goods = [j for j in judgements if j.truth == "good"]
    defects = [j for j in judgements if j.truth != "good"]
    pairs = [(d.defect_score, g.defect_score) for d in defects for g in goods]
    known = [j.overlap for j in judgements if j.overlap is not None]
    masked = [o for o in known if o.true > 0]
    # Without a mask head, or without true masks, there is nothing to overlap.
    if not masked or all(j.overlap is None or j.label == NO_CAPSULE for j in judgements):
        known = masked = []
    expected = {
        "accuracy": share([j.label == j.truth for j in judgements]),
        "defect_only_accuracy": share([j.label == j.truth for j in defects]),
        "presence_accuracy": share(
            [(j.label != "good") if j.truth != "good" else (j.label == "good") for j in judgements]
        ),
        # The chance that a defective picture scores above a good one; ties count half.
        "auroc": sum((d > g) + 0.5 * (d == g) for d, g in pairs) / len(pairs) if pairs else None,
        "average_precision": average_precision(judgements) if pairs else None,
        "dice": mean([dice(o) for o in masked]),
        "iou": mean([iou(o) for o in masked]),
        "dice_all": mean([dice(o) for o in known]),
        "iou_all": mean([iou(o) for o in known]),
        "false_alarm_rate": share([j.label != "good" for j in goods]),
        "miss_rate": share([j.label == "good" for j in defects]),
    }
    measured = by_name(judgements)
    assert list(measured) == [name for name in METRICS if expected.get(name) is not None]
    for name, metric in measured.items():
        assert metric.value == pytest.approx(expected[name], abs=1e-9)
        assert metric.low <= metric.value + 1e-9
        assert metric.value <= metric.high + 1e-9


def test_a_set_worked_out_by_hand():
    judgements = [
        judgement("good", "good", 0.1),
        judgement("good", "crack", 0.6, Overlap(0, 9, 0)),  # of all pictures: 0
        judgement("good", NO_CAPSULE, 1.0),
        judgement("good", "good", 0.2, Overlap(0, 0, 0)),  # of all pictures: 1
        judgement("crack", "crack", 0.9, Overlap(2, 3, 5)),  # dice 4/8, iou 2/6
        judgement("crack", "poke", 0.8, Overlap(0, 0, 7)),  # 0
        judgement("poke", "good", 0.3, Overlap(0, 0, 4)),  # 0
        judgement("poke", NO_CAPSULE, 1.0),
    ]
    measured = by_name(judgements)
    values = {name: metric.value for name, metric in measured.items()}
    assert values == pytest.approx(
        {
            "accuracy": 3 / 8,
            "defect_only_accuracy": 1 / 4,
            "presence_accuracy": 5 / 8,
            # of 16 pairs: .9 beats 3, .8 beats 3, .3 beats 2, 1 beats 3 and ties with 1
            "auroc": 11.5 / 16,
            # thresholds 1, .9, .8 and .3 find one defect each: 1 of 2, 2 of 3, 3 of 4, 4 of 6
            "average_precision": (1 / 2 + 2 / 3 + 3 / 4 + 4 / 6) / 4,
            "dice": 0.5 / 3,
            "iou": (1 / 3) / 3,
            "dice_all": (0.5 + 0 + 0 + 1 + 0) / 5,
            "iou_all": (1 / 3 + 0 + 0 + 1 + 0) / 5,
            "false_alarm_rate": 2 / 4,
            "miss_rate": 1 / 4,
        }
    )
    sizes = {name: metric.n for name, metric in measured.items()}
    assert sizes == {
        "accuracy": 8,
        "defect_only_accuracy": 4,
        "presence_accuracy": 8,
        "auroc": 8,
        "average_precision": 8,
        "dice": 3,
        "iou": 3,
        "dice_all": 5,
        "iou_all": 5,
        "false_alarm_rate": 4,
        "miss_rate": 4,
    }


def test_intervals_are_of_the_right_kind():
    judgements = [judgement("good", "good")] * 30 + [
        judgement("crack", "crack", 0.9, Overlap(both, 10, 10)) for both in range(9)
    ]
    measured = by_name(judgements)
    assert (measured["accuracy"].low, measured["accuracy"].high) == wilson(39, 39)
    assert (measured["miss_rate"].low, measured["miss_rate"].high) == wilson(0, 9)
    dice = measured["dice"]
    assert (dice.low, dice.high) == bootstrap_mean([2 * both / 20 for both in range(9)])


def test_what_no_picture_carries_is_left_out():
    assert set(by_name([judgement("good", "good")])) == {
        "accuracy",
        "presence_accuracy",
        "false_alarm_rate",
    }
    assert set(by_name([judgement("crack", "crack")])) == {
        "accuracy",
        "defect_only_accuracy",
        "presence_accuracy",
        "miss_rate",
    }


def test_good_pictures_and_unmasked_defects_carry_no_overlap():
    judgements = [
        judgement("good", "crack", 0.9, Overlap(0, 50, 0)),
        judgement("crack", "crack", 0.9, None),
        judgement("crack", "crack", 0.9, Overlap(5, 5, 5)),
    ]
    measured = by_name(judgements)
    assert (measured["dice"].value, measured["dice"].n) == (1, 1)
    assert (measured["dice_all"].value, measured["dice_all"].n) == (0.5, 2)


SEGMENTATION = {"dice", "iou", "dice_all", "iou_all", "pixel_auroc", "aupro"}


def with_pixels(truth: str, label: str, mask_head: bool = True, true_mask: bool = True):
    """A picture of which half is defect if its class is a defect, with a map of chance."""
    if not (true_mask or truth == "good"):
        return judgement(truth, label)
    if not mask_head and label != NO_CAPSULE:
        return judgement(truth, label)
    mask = np.zeros((4, 6), bool)
    mask[:2] = truth != "good"
    empty = np.zeros((4, 6), np.float32)
    overlap = Overlap(0, 0, int(mask.sum()))
    return judgement(truth, label, 0.5, overlap, tally_pixels(empty, mask))


def test_pixels_are_measured_where_they_were_tallied():
    pairs = [("good", "good"), ("crack", "good"), ("poke", NO_CAPSULE)]
    measured = by_name([with_pixels(*pair) for pair in pairs])
    assert set(measured) >= SEGMENTATION
    assert measured["pixel_auroc"].value == 0.5
    assert measured["aupro"].value == pytest.approx(0.15)
    assert measured["pixel_auroc"].n == measured["aupro"].n == measured["dice_all"].n == 3
    assert list(measured) == list(METRICS)
    light = by_name([replace(with_pixels(*pair), pixels=None) for pair in pairs])
    assert tuple(light) == PICTURE_METRICS


def test_a_model_without_a_mask_head_has_no_figures_of_segmentation():
    # That a picture without a capsule has an empty mask says nothing of the model.
    pairs = [("good", "good"), ("crack", "crack"), ("poke", NO_CAPSULE), ("good", NO_CAPSULE)]
    measured = by_name([with_pixels(*pair, mask_head=False) for pair in pairs])
    assert not SEGMENTATION & set(measured)


def test_class_folders_without_masks_have_no_figures_of_segmentation():
    pairs = [("good", "good"), ("crack", "crack"), ("good", "poke")]
    measured = by_name([with_pixels(*pair, true_mask=False) for pair in pairs])
    assert not SEGMENTATION & set(measured)
