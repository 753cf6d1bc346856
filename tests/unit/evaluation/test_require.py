import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import ConditionNotMetError, UsageError
from capsule_inspect.evaluation.metrics import METRICS
from capsule_inspect.evaluation.require import Condition, parse_condition, require
from capsule_inspect.modelfile.metadata import Metric

MEANINGS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}


def metric(name: str, value: float) -> Metric:
    return Metric(name, value, 10, 0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("accuracy>=.95", ("accuracy", ">=", 0.95)),
        ("miss_rate <= 0", ("miss_rate", "<=", 0.0)),
        (" dice > 0.7 ", ("dice", ">", 0.7)),
        ("false_alarm_rate<1.", ("false_alarm_rate", "<", 1.0)),
    ],
)
def test_conditions_are_a_metric_a_comparison_and_a_number(text, parts):
    assert parse_condition(text) == Condition(text, *parts)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_can_be_asked_for(name):
    assert parse_condition(f"{name}>=0.5").metric == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accuracy",
        "accuracy>=",
        ">=.95",
        "accuracy=.95",
        "accuracy==.95",
        "accuracy=>.95",
        "accuracy>=.95%",
        "accuracy>=nan",
        "accuracy>=-0.1",
        "accuracy>=.",
        "accuracy>=.9 dice>=.7",
        "accuracy>=.9\n>=.8",
    ],
)
def test_malformed_conditions_are_refused(text):
    with pytest.raises(UsageError, match="cannot be understood"):
        parse_condition(text)


def test_unknown_metrics_and_impossible_numbers_are_refused():
    with pytest.raises(UsageError, match=r"no metric 'acuracy'.*accuracy, defect_only"):
        parse_condition("acuracy>=.95")
    for number in ("1.01", "95"):
        with pytest.raises(UsageError, match="between 0 and 1"):
            parse_condition(f"accuracy>={number}")


@given(st.sampled_from(list(MEANINGS)), st.integers(0, 8), st.integers(0, 8))
def test_a_condition_means_what_it_says(comparison, value, bound):
    condition = parse_condition(f"dice{comparison}{bound / 8}")
    measured = [metric("accuracy", 0.5), metric("dice", value / 8)]
    if MEANINGS[comparison](value, bound):
        require([condition], measured)
    else:
        with pytest.raises(ConditionNotMetError):
            require([condition], measured)


def test_each_unmet_condition_is_named_with_its_value():
    conditions = [parse_condition(text) for text in ("accuracy>=.95", "dice>.5", "miss_rate<=0")]
    measured = [metric("accuracy", 0.9375), metric("dice", 0.75), metric("miss_rate", 0.125)]
    with pytest.raises(ConditionNotMetError) as caught:
        require(conditions, measured)
    message = str(caught.value)
    assert "'accuracy>=.95', but accuracy is 0.9375" in message
    assert "'miss_rate<=0', but miss_rate is 0.125" in message
    assert "dice" not in message


def test_a_metric_that_was_not_measured_does_not_hold():
    for text in ("aupro>=0", "aupro<=1"):
        with pytest.raises(ConditionNotMetError, match="have no aupro"):
            require([parse_condition(text)], [metric("accuracy", 1.0)])


def test_nothing_asked_for_always_holds():
    require([], [])
