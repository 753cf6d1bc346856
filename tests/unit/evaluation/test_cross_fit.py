import numpy as np
import pytest
from scored_evidence import cut, evidence_of

from capsule_inspect.evaluation.choose_operating_point import is_alarm
from capsule_inspect.evaluation.cross_fit import choose_on_split, cross_fit
from capsule_inspect.evaluation.evidence import Evidence
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.threshold_settings import ThresholdSettings

WANTED = ThresholdSettings()


def test_each_part_is_judged_by_a_point_that_it_had_no_part_in():
    low = evidence_of([-9.0, -8.0, -7.0], [-5.0, -4.0, -3.0])
    high = evidence_of([3.0, 4.0, 5.0], [7.0, 8.0, 9.0])
    fit = cross_fit([low, high], WANTED, "the other")
    # Chosen on `high` the threshold lies in its gap, about 6; on `low` about -6. The blurred F1,
    # tried in thousandths, is best a little below the middle.
    assert [cut(point) for point in fit.points] == pytest.approx([5.971, -6.029], abs=0.01)
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
    assert cut(point) == pytest.approx(-1.823, abs=0.01)  # by trying thousandths, as above
    rates = {metric.name: metric.value for metric in point.expected}
    assert rates == {"false_alarm_rate": 0.05, "miss_rate": 0.0}
    assert "20 good and 10 defective" in point.chosen_by


def test_a_split_with_too_few_pictures_promises_nothing():
    point = choose_on_split(evidence_of([-1.0] * 9, [1.0, 2.0]), WANTED, "a split")
    assert "too few" in point.chosen_by
    assert point.expected == ()
