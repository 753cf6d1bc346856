import math
from dataclasses import FrozenInstanceError

import pytest

from capsule_inspect.checks import checked, require_choice, require_range, rules_of, setting
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


@checked("lamp")
class Lamp:
    """A class with a setting of each kind."""

    watts: float = setting("Power.", above=0, at_most=100)
    bulbs: int = setting("Number of bulbs.", at_least=1)
    colour: str = setting("Colour of the light.", choices=("warm", "cold"))
    label: str = setting("What is written on it.")
    dimmed: float = setting("Any number.")

    def __post_init__(self) -> None:
        if self.colour == "cold" and self.bulbs > 1:
            raise ValueError("A cold lamp has one bulb.")


def lamp(**changes) -> Lamp:
    return Lamp(
        **{"watts": 60.0, "bulbs": 1, "colour": "cold", "label": "", "dimmed": 0, **changes}
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"watts": 0.0}, "lamp.watts is 0.0, but must be above 0 and at most 100."),
        ({"watts": math.nan}, "lamp.watts is nan, but must be finite and above 0 and at most 100."),
        ({"bulbs": 0}, "lamp.bulbs is 0, but must be at least 1."),
        (
            {"colour": "wram"},
            "lamp.colour cannot be 'wram'. Did you mean 'warm'? Known: warm, cold.",
        ),
        ({"dimmed": math.inf}, "lamp.dimmed is inf, but must be finite."),
        ({"bulbs": 2}, "A cold lamp has one bulb."),
    ],
)
def test_a_checked_class_refuses_what_a_setting_cannot_be(changes, message):
    with pytest.raises(ValueError, match="lamp") as refused:
        lamp(**changes)
    assert str(refused.value) == message


def test_a_checked_class_is_frozen_and_has_no_defaults():
    with pytest.raises(FrozenInstanceError):
        lamp().bulbs = 3
    with pytest.raises(TypeError, match="label"):
        Lamp(60.0, 1, "warm")


def test_rules_say_what_a_setting_is_and_can_be():
    assert {name: (rule.sentence, rule.allowed) for name, rule in rules_of(Lamp).items()} == {
        "watts": ("Power.", "above 0 and at most 100"),
        "bulbs": ("Number of bulbs.", "at least 1"),
        "colour": ("Colour of the light.", "one of warm, cold"),
        "label": ("What is written on it.", ""),
        "dimmed": ("Any number.", ""),
    }


@pytest.mark.parametrize("value", [{}, {"watts": 60.0}])
def test_a_field_without_a_sentence_is_refused(value):
    with pytest.raises(TypeError, match=r"Declare Lamp\.watts by setting"):
        checked("lamp")(type("Lamp", (), {"__annotations__": {"watts": float}, **value}))
