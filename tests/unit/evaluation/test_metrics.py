from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.evaluation.intervals import bootstrap_mean, newcombe_auroc, wilson
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.metrics import (
    CLASS_METRICS,
    METRICS,
    PICTURE_METRICS,
    ConfusionMatrix,
    confusion_matrix,
    estimate_auroc,
    estimate_average_precision,
    estimate_mean,
    estimate_share,
    measure,
    measure_classes,
    segmented,
)
from capsule_inspect.evaluation.pixels import PIXEL_METRICS, Overlap, PixelTally, tally_pixels
from capsule_inspect.modelfile.metadata import Metric

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
        if metric.low is not None:
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


SEGMENTATION = {"dice", "iou", "dice_all", "iou_all", "pixel_auroc", "aupro", "pixel_f1"}


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


@pytest.mark.parametrize("both", [[4], [4, 4]])
def test_masks_that_all_score_alike_have_no_interval(both):
    measured = by_name([judgement("crack", "crack", 0.9, Overlap(each, 10, 10)) for each in both])
    assert measured["dice"].value == pytest.approx(0.4)
    assert (measured["dice"].low, measured["dice"].high) == (None, None)
    assert measured["accuracy"].low == pytest.approx(wilson(len(both), len(both))[0])


@pytest.mark.parametrize(("goods", "defects"), [(1, 5), (5, 1)])
def test_a_single_picture_of_a_kind_gives_pixel_metrics_no_interval(goods, defects):
    pairs = [("good", "good")] * goods + [("crack", "crack")] * defects
    measured = by_name([with_pixels(*pair) for pair in pairs])
    assert {measured[name].low for name in PIXEL_METRICS} == {None}


SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]), min_size=1, max_size=15)
RANKINGS = {"auroc": estimate_auroc, "average_precision": estimate_average_precision}


@settings(deadline=None, max_examples=60)
@given(SCORES, SCORES)
def test_rankings_are_those_of_scikit_learn(goods, defects):
    truth, scores = [0] * len(goods) + [1] * len(defects), goods + defects
    auroc, precision = (estimate(goods, defects) for estimate in RANKINGS.values())
    assert auroc.value == pytest.approx(roc_auc_score(truth, scores), abs=1e-9)
    assert precision.value == pytest.approx(average_precision_score(truth, scores), abs=1e-9)
    assert auroc.n == precision.n == len(scores)
    if 1 in (len(goods), len(defects)):
        assert (precision.low, precision.high) == (None, None)
    else:
        assert 0 <= precision.low <= precision.high <= 1
    assert (auroc.low, auroc.high) == newcombe_auroc(auroc.value, len(defects), len(goods))


@settings(deadline=None, max_examples=25)
@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_rankings_know_only_the_order_of_scores(goods, defects, random):
    for name, estimate in RANKINGS.items():
        value = estimate(goods, defects).value
        bent = estimate([s**3 / 2 for s in goods], [s**3 / 2 for s in defects]).value
        mixed = estimate(
            random.sample(goods, len(goods)), random.sample(defects, len(defects))
        ).value
        assert bent == pytest.approx(value, abs=1e-12), name
        assert mixed == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("defects", [1, 7, 15, 49])
def test_a_perfect_ranking_is_exactly_one(defects):
    for estimate in RANKINGS.values():
        assert estimate([0.1] * 31, list(np.linspace(0.5, 1, defects))).value == 1


def test_average_precision_worked_out_by_hand():
    # Recall steps to 1/2 at precision 1, and to 1 at precision 2/4.
    metric = estimate_average_precision([0.8, 0.7, 0.1], [0.9, 0.5])
    assert metric.value == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)


def test_the_interval_of_average_precision_is_that_of_resampled_pictures():
    generator = np.random.default_rng(4)
    goods, defects = list(generator.beta(2, 4, 40)), list(generator.beta(4, 3, 25))
    metric = estimate_average_precision(goods, defects)
    assert metric == estimate_average_precision(goods, defects)
    samples = []
    for _ in range(1000):
        scores = [*generator.choice(goods, 40), *generator.choice(defects, 25)]
        samples.append(average_precision_score([0] * 40 + [1] * 25, scores))
    low, high = np.quantile(samples, (0.025, 0.975))
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_shares_and_means_bring_their_intervals():
    assert estimate_share("x", [True, False, True]) == Metric("x", 2 / 3, 3, *wilson(2, 3))
    values = [0.25, 0.5, 1.0]
    mean = estimate_mean("x", values)
    assert mean == Metric("x", pytest.approx(1.75 / 3), 3, *bootstrap_mean(values))


def test_nothing_is_estimated_from_nothing():
    assert estimate_share("x", []) is None
    assert estimate_mean("x", []) is None
    for estimate in RANKINGS.values():
        assert estimate([], [0.5]) is None
        assert estimate([0.5], []) is None


THREE_CLASSES = ("good", "crack", "poke", "squeeze")


def class_judgement(truth: str, label: str, overlap: Overlap | None = None) -> Judgement:
    return Judgement("a.png", "0" * 64, truth, label, 0.5, (), overlap)


SEVEN_JUDGED = [
    class_judgement("good", "good", Overlap(0, 0, 0)),
    class_judgement("good", "good"),
    class_judgement("good", "crack", Overlap(0, 5, 0)),
    class_judgement("crack", "crack", Overlap(2, 3, 5)),  # dice 4/8, iou 2/6
    class_judgement("crack", "poke", Overlap(3, 3, 3)),  # 1
    class_judgement("crack", "good", Overlap(0, 0, 4)),  # 0
    class_judgement("crack", NO_CAPSULE),
    class_judgement("poke", "crack"),
]


def test_classes_worked_out_by_hand():
    classes = measure_classes(SEVEN_JUDGED, THREE_CLASSES)
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
    crack = {
        metric.name: metric for metric in measure_classes(SEVEN_JUDGED, THREE_CLASSES)[1].metrics
    }
    sizes = {name: metric.n for name, metric in crack.items()}
    assert sizes == {"recall": 4, "precision": 3, "presence": 4, "dice": 3, "iou": 3}
    assert (crack["recall"].low, crack["recall"].high) == wilson(1, 4)
    assert (crack["precision"].low, crack["precision"].high) == wilson(1, 3)
    assert (crack["presence"].low, crack["presence"].high) == wilson(3, 4)
    assert (crack["dice"].low, crack["dice"].high) == bootstrap_mean([0.5, 1, 0])


def test_a_model_without_a_mask_head_has_no_overlap_in_any_class():
    judgements = [
        class_judgement("crack", "crack"),
        class_judgement("crack", NO_CAPSULE, Overlap(0, 0, 9)),
    ]
    crack = measure_classes(judgements, THREE_CLASSES)[1]
    assert [metric.name for metric in crack.metrics] == ["recall", "precision", "presence"]


def judged(truth: str, label: str, overlap: Overlap | None) -> Judgement:
    return Judgement("a.png", "aa", truth, label, 0.5, (), overlap)


FOUND = judged("crack", "crack", Overlap(2, 3, 4))
EMPTY = judged("good", "good", Overlap(0, 0, 0))
NOWHERE = judged("crack", NO_CAPSULE, Overlap(0, 0, 4))
UNKNOWN = judged("poke", "poke", None)


def test_pictures_whose_truth_is_known_are_scored_the_empty_ones_too():
    assert segmented([FOUND, UNKNOWN, EMPTY, NOWHERE]) == (FOUND, EMPTY, NOWHERE)


def test_without_a_true_defect_pixel_nothing_is_scored():
    assert segmented([EMPTY, UNKNOWN]) == ()


def test_a_picture_without_a_capsule_gives_a_model_no_mask_head():
    assert segmented([UNKNOWN, NOWHERE]) == ()


def test_pictures_are_counted_by_what_they_are_and_what_they_were_taken_for():
    pairs = [
        *[("good", "good")] * 3,
        ("good", "poke"),
        ("crack", "crack"),
        ("crack", "poke"),
        ("crack", "poke"),
        ("poke", NO_CAPSULE),
    ]
    judgements = [Judgement("", "", truth, label, 0.5, (), None) for truth, label in pairs]
    assert confusion_matrix(judgements, ("good", "crack", "poke")) == ConfusionMatrix(
        rows=("good", "crack", "poke"),
        columns=("good", "crack", "poke", "no_capsule"),
        counts=((3, 0, 1, 0), (0, 1, 2, 0), (0, 0, 0, 1)),
    )


@pytest.mark.parametrize(
    ("count", "columns"), [(0, ("good", "crack")), (1, ("good", "crack", "no_capsule"))]
)
def test_the_column_of_pictures_without_a_capsule_can_be_left_out_if_empty(count, columns):
    matrix = ConfusionMatrix(
        ("good", "crack"), ("good", "crack", "no_capsule"), ((3, 0, 0), (0, 2, count))
    )
    shown = matrix.without_empty_column()
    assert shown.columns == columns
    assert shown.counts == tuple(row[: len(columns)] for row in matrix.counts)
