import math

import pytest

from capsule_inspect.checks import require_choice, require_range
from capsule_inspect.errors import ConfigError


def test_a_known_choice_is_allowed():
    require_choice("train.schedule", "constant", ("one_cycle", "constant"))


def test_another_is_refused_with_the_one_that_was_meant_and_all():
    with pytest.raises(ValueError, match="schedule") as refused:
        require_choice("train.schedule", "constnat", ("one_cycle", "constant"))
    assert str(refused.value) == (
        "train.schedule cannot be 'constnat'. Did you mean 'constant'? Known: one_cycle, constant."
    )


def test_nothing_is_suggested_where_nothing_is_alike():
    with pytest.raises(ConfigError) as refused:
        require_choice("export.format", "zzz", ("int8", "float32"), ConfigError)
    assert str(refused.value) == "export.format cannot be 'zzz'. Known: int8, float32."


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (1, {"at_least": 1}),
        (1e-300, {"above": 0}),
        (1.0, {"at_least": 0, "at_most": 1}),
        (0.999, {"at_least": 0, "below": 1}),
        (10**400, {"at_least": 1}),
    ],
)
def test_numbers_up_to_their_bounds_are_allowed(value, bounds):
    require_range("train.epochs", value, **bounds)


@pytest.mark.parametrize(
    ("value", "bounds", "wanted"),
    [
        (0, {"at_least": 1}, "is 0, but must be at least 1."),
        (0.0, {"above": 0}, "is 0.0, but must be above 0."),
        (1.5, {"at_least": 0, "at_most": 1}, "is 1.5, but must be at least 0 and at most 1."),
        (1.0, {"at_least": 0, "below": 1}, "is 1.0, but must be at least 0 and below 1."),
        (math.nan, {"above": 0}, "is nan, but must be finite and above 0."),
        (math.inf, {"at_least": 0}, "is inf, but must be finite and at least 0."),
        (-math.inf, {"below": 1}, "is -inf, but must be finite and below 1."),
    ],
)
def test_others_are_refused_with_key_value_and_range(value, bounds, wanted):
    with pytest.raises(ValueError, match=r"train\.x") as refused:
        require_range("train.x", value, **bounds)
    assert str(refused.value) == f"train.x {wanted}"
