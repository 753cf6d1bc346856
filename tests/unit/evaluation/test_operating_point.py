import math
from pathlib import Path

import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI
from scored_evidence import cut, evidence_of

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.evaluation.judge import Evidence, gather_evidence
from capsule_inspect.evaluation.operating_point import (
    choose_on_split,
    choose_operating_point,
    cross_fit,
    is_alarm,
)
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs
from capsule_inspect.settings.groups import ThresholdSettings

HEIGHT, WIDTH = 8, 12
ROI = Roi("whole", WIDTH, HEIGHT, 10)


class Bench:
    """Pictures of which a made-up network says what a test wants it to say."""

    def __init__(self, root: Path, save_picture) -> None:
        self.root, self.save = root, save_picture
        self.samples: list[Sample] = []
        self.said: list[tuple[float, np.ndarray | None]] = []

    def add(self, label: str, logit: float, probability=None, mask=None) -> None:
        """A picture whose logit of crack over good is `logit`, and its mask probabilities."""
        number = len(self.samples)
        path = self.save(
            self.root / f"{number:03}.png", np.full((HEIGHT, WIDTH, 3), number, np.uint8)
        )
        mask_path = ""
        if mask is not None:
            mask_path = f"{number:03}_mask.png"
            self.save(self.root / mask_path, mask.astype(np.uint8) * 255)
        self.samples.append(Sample(path.name, label, mask_path, "val", None, "", WIDTH, HEIGHT))
        self.said.append((logit, probability))

    def network(self, window: np.ndarray) -> Outputs:
        logit, probability = self.said[int(window[0, 0, 0])]
        mask_logits = None
        if probability is not None:
            mask_logits = np.stack([np.log(1 - probability), np.log(probability)], axis=-1)
            mask_logits = mask_logits.astype(np.float32)
        return Outputs(np.array([0, logit], np.float32), mask_logits)

    def choose(self, roi: Roi = ROI) -> OperatingPoint:
        classes = ("good", "crack")
        data = DataSet(self.root, classes, tuple(self.samples), 0, "", "", "")
        # The operating point of the inspector must not matter.
        inspector = Inspector(self.network, classes, roi, OperatingPoint(3.0, 0.99, 0.9))
        evidence = gather_evidence(data, self.samples, inspector)
        return choose_operating_point(evidence, ThresholdSettings(), "the bench")


@pytest.fixture
def bench(tmp_path: Path, save_picture) -> Bench:
    return Bench(tmp_path, save_picture)


def best_limit(goods: list[float], defects: list[float]) -> float:
    """The logit, to a thousandth, with the best F1 of scores blurred by noise of scale 0.25."""

    def f1(limit: float) -> float:
        alarms = [
            [1 / (1 + math.exp((limit - s) / 0.25)) for s in part] for part in (goods, defects)
        ]
        return 2 * sum(alarms[1]) / (sum(alarms[0]) + sum(alarms[1]) + len(defects))

    return max((step / 1000 for step in range(-9000, 9001)), key=f1)


def test_the_threshold_lies_about_the_middle_of_the_gap_between_separable_scores(bench):
    for value in (-3.0, -2.0, -1.0):
        bench.add("good", value)
    for value in (2.0, 2.5, 4.0):
        bench.add("crack", value)
    point = bench.choose()
    # In logits the gap runs from -1 to 2; its middle is 0.5 before the temperature divides it.
    best = best_limit([-3.0, -2.0, -1.0], [2.0, 2.5, 4.0])
    assert best == pytest.approx(0.5, abs=0.2)
    assert cut(point) == pytest.approx(best, abs=5e-3)
    # Separable labels cannot be too certain: the least temperature that is tried.
    assert point.temperature == pytest.approx(0.25)
    assert "the bench" in point.chosen_by
    assert "3 good and 3 defective" in point.chosen_by


def test_the_threshold_need_not_lie_around_a_half(bench):
    for value in (-6.0, -5.5, -5.0):
        bench.add("good", value)
    for value in (-3.0, -2.0, -1.0):
        bench.add("crack", value)
    point = bench.choose()
    best = best_limit([-6.0, -5.5, -5.0], [-3.0, -2.0, -1.0])
    assert best == pytest.approx(-4.0, abs=0.2)
    assert cut(point) == pytest.approx(best, abs=5e-3)


def test_the_threshold_has_the_best_f1_of_blurred_scores(bench):
    goods, cracks = [-4.0, -2.5, -1.0, 0.2, 1.1], [-0.4, 0.9, 1.6, 3.0]
    for value in goods:
        bench.add("good", value)
    for value in cracks:
        bench.add("crack", value)
    assert cut(bench.choose()) == pytest.approx(best_limit(goods, cracks), abs=5e-3)


def test_one_far_picture_does_not_move_the_threshold_across_all_others(bench):
    # By the F1 of the scores as they are, a crack at -5 would be worth the alarm at -4.9: 6 / 7.
    for value in (-8.0, -5.5, -5.3, -4.9):
        bench.add("good", value)
    for value in (-5.0, 2.0, 3.0):
        bench.add("crack", value)
    assert 0 > cut(bench.choose()) > -4


def test_the_temperature_makes_certainty_as_frequent_as_it_claims(bench):
    # Every score claims exp(3) : 1, and is right three times of four: T = 3 / ln 3.
    for label, value in (("good", -3.0), ("crack", 3.0)):
        for _ in range(6):
            bench.add(label, value)
        for _ in range(2):
            bench.add(label, -value)
    # The temperatures that are tried lie 3.5 % apart.
    assert bench.choose().temperature == pytest.approx(3 / math.log(3), rel=0.02)


def box() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[2:6, 3:9] = True
    return mask


@pytest.mark.parametrize(("inside", "ring"), [(0.62, 0.48), (0.38, 0.22), (0.9, 0.72)])
def test_the_mask_threshold_separates_defect_from_surroundings(bench, inside, ring):
    probability = np.full((HEIGHT, WIDTH), 0.01)
    probability[1:7, 2:10] = ring
    probability[box()] = inside
    for value in (-3.0, -2.0, -1.0):
        bench.add("good", value)
    for value in (2.0, 2.5, 4.0):
        bench.add("crack", value, probability, box())
    assert ring < bench.choose().mask_threshold <= inside


def test_masks_count_even_where_the_label_is_missed(bench):
    probability = np.where(box(), 0.35, 0.01)
    for value in (-3.0, -2.5, -1.0):
        bench.add("good", value)
    for value in (-3.5, -2.0, 1.0):  # below any threshold, some of them
        bench.add("crack", value, probability, box())
    assert bench.choose().mask_threshold <= 0.35


def test_without_masks_the_mask_threshold_keeps_its_default(bench):
    for value in (-3.0, -2.0, -1.0):
        bench.add("good", value)
        bench.add("crack", -value, np.where(box(), 0.3, 0.01), None)
    assert bench.choose().mask_threshold == OperatingPoint().mask_threshold


@pytest.mark.parametrize(("goods", "cracks"), [(0, 0), (2, 9), (9, 2), (9, 0)])
def test_too_few_pictures_leave_the_defaults_and_say_so(bench, goods, cracks):
    for i in range(goods):
        bench.add("good", -1.0 - i)
    for i in range(cracks):
        bench.add("crack", 1.0 + i)
    point = bench.choose()
    defaults = OperatingPoint(chosen_by=point.chosen_by)
    assert point == defaults
    assert "defaults" in point.chosen_by
    assert "the bench" in point.chosen_by


def test_pictures_without_a_capsule_do_not_count(bench):
    for value in (-3.0, -2.0, -1.0):
        bench.add("good", value)
        bench.add("crack", -value)
    assert "too few" in bench.choose(CAPSULE_ROI).chosen_by


def test_where_all_scores_are_the_same_the_threshold_keeps_its_default(bench):
    for _ in range(4):
        bench.add("good", 0.5)
        bench.add("crack", 0.5)
    assert bench.choose().threshold == OperatingPoint().threshold


# Twenty defects, the faintest at -4 and -2, among goods that reach up to -1.
DEFECTS = [-4.0, -2.0, *np.linspace(0, 5, 18)]
GOODS = [-7.0, -6.5, -6.0, -3.0, -1.0]


@pytest.mark.parametrize(
    ("value", "threshold", "missed"),
    # None missed: below -4, above -6. One of twenty: between -3 and -2. Two: between -1 and 0.
    [(0.0, -5.0, 0), (0.05, -2.5, 1), (0.1, -0.5, 2), (0.12, -0.5, 2)],
)
def test_the_miss_rate_is_kept_with_the_fewest_false_alarms(value, threshold, missed):
    evidence = evidence_of(GOODS, DEFECTS)
    point = choose_operating_point(
        evidence, ThresholdSettings("max_miss_rate", value), "twenty defects"
    )
    assert cut(point) == pytest.approx(threshold, abs=0.01)
    assert sum(score < cut(point) for score in DEFECTS) == missed
    assert (point.policy, point.policy_value) == ("max_miss_rate", value)


@pytest.mark.parametrize(
    ("value", "threshold", "alarms"),
    # None of five: above -1, below 0. One: between -2 and -3, with no miss but that of -4.
    [(0.0, -0.5, 0), (0.2, -2.5, 1), (0.3, -2.5, 1), (0.4, -5.0, 2)],
)
def test_the_false_alarm_rate_is_kept_with_the_fewest_misses(value, threshold, alarms):
    evidence = evidence_of(GOODS, DEFECTS)
    wanted = ThresholdSettings("max_false_alarm_rate", value)
    point = choose_operating_point(evidence, wanted, "five good ones")
    assert cut(point) == pytest.approx(threshold, abs=0.01)
    assert sum(score >= cut(point) for score in GOODS) == alarms
    assert (point.policy, point.policy_value) == ("max_false_alarm_rate", value)
    assert "of the good called defective" in point.chosen_by


def test_a_miss_rate_that_costs_nothing_more_is_not_used_up():
    # Two of twenty may be missed, but the gap that misses none has no false alarms either.
    evidence = evidence_of([-5.0, -4.0, -3.0], np.linspace(1, 20, 20).tolist())
    point = choose_operating_point(evidence, ThresholdSettings("max_miss_rate", 0.1), "all")
    assert cut(point) == pytest.approx(-1.0, abs=0.01)


@pytest.mark.parametrize(("lowest", "threshold"), [(-4.0, -0.5), (2.0, -1.5)])
def test_of_gaps_with_as_few_false_alarms_the_widest_is_taken(lowest, threshold):
    # One of twenty may be missed: the gap lies below the lowest defect, or between it and the next.
    evidence = evidence_of([-6.0, -5.5, -5.0], [lowest, *np.linspace(3, 6, 19)])
    point = choose_operating_point(evidence, ThresholdSettings("max_miss_rate", 0.05), "all")
    assert cut(point) == pytest.approx(threshold, abs=0.01)


def test_where_the_lowest_score_of_all_is_a_defect_everything_is_called_defective():
    evidence = evidence_of([0.0, 1.0, 2.0], [-1.0, 3.0, 4.0])
    point = choose_operating_point(evidence, ThresholdSettings("max_miss_rate", 0.0), "all")
    assert cut(point) <= -1.0


def test_pictures_too_few_for_the_wanted_miss_rate_are_said_to_be_so():
    wanted = ThresholdSettings("max_miss_rate", 0.02)
    few = choose_operating_point(evidence_of(GOODS, DEFECTS), wanted, "twenty defects")
    # None of 20: Wilson's upper bound is z^2 / (20 + z^2) = 3.8415 / 23.8415.
    assert "may be as high as 0.161" in few.chosen_by
    many = choose_operating_point(evidence_of(GOODS, np.linspace(1, 9, 400).tolist()), wanted, "")
    assert "as high as" not in many.chosen_by


WANTED = ThresholdSettings()


def test_each_part_is_judged_by_a_point_that_it_had_no_part_in():
    low = evidence_of([-9.0, -8.0, -7.0], [-5.0, -4.0, -3.0])
    high = evidence_of([3.0, 4.0, 5.0], [7.0, 8.0, 9.0])
    fit = cross_fit([low, high], WANTED, "the other")
    # Chosen on `high` the threshold lies in its gap, about 6; on `low` about -6. The blurred F1,
    # tried in thousandths, is best a little below the middle.
    assert [cut(point) for point in fit.points] == pytest.approx([5.998, -6.002], abs=0.01)
    # So all of `low` is called good, and all of `high` defective: half of each kind is wrong.
    rates = {metric.name: (metric.value, metric.n) for metric in fit.expected}
    assert rates == {"false_alarm_rate": (0.5, 6), "miss_rate": (0.5, 6)}


def test_a_score_at_the_threshold_is_an_alarm_as_it_is_for_decide():
    even = Evidence(0, np.log([0.5, 0.5]), None)
    assert is_alarm(even, OperatingPoint(threshold=0.5))
    assert not is_alarm(even, OperatingPoint(threshold=np.nextafter(0.5, 1)))


def test_parts_that_agree_make_no_errors():
    parts = [evidence_of([-3.0, -2.0 - n], [2.0, 3.0 + n]) for n in range(3)]
    assert [metric.value for metric in cross_fit(parts, WANTED, "").expected] == [0.0, 0.0]


def test_a_split_gets_its_point_from_all_and_its_rates_from_parts():
    # One good picture scores above all defects but the highest: chosen with or without it, the
    # threshold stays below, and it is an alarm.
    evidence = evidence_of([*np.linspace(-9, -5, 19), 3.0], list(np.linspace(1, 8, 10)))
    point = choose_on_split(evidence, WANTED, "a split")
    assert cut(point) == pytest.approx(-1.951, abs=0.01)  # by trying thousandths, as above
    rates = {metric.name: metric.value for metric in point.expected}
    assert rates == {"false_alarm_rate": 0.05, "miss_rate": 0.0}
    assert "20 good and 10 defective" in point.chosen_by


def test_a_split_with_too_few_pictures_promises_nothing():
    point = choose_on_split(evidence_of([-1.0] * 9, [1.0, 2.0]), WANTED, "a split")
    assert "too few" in point.chosen_by
    assert point.expected == ()
