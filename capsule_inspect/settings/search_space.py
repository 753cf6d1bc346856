"""The search space of `tune`."""

from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any

from capsule_inspect.checks import setting
from capsule_inspect.settings.defaults import group
from capsule_inspect.settings.keys import Value, plain_type, with_value

_GROUPS = ("model", "train")
_NOT_SEARCHED = {
    "model.roi_shape": "it is settled before the search",
    "train.epochs": "tune.epochs says how long trials train",
    "train.folds": "a trial is a single run",
    "train.seeds": "a trial is a single run",
    "train.patience": "tune.pruner says when trials end early",
    "train.validate_every": "trials are validated after every epoch",
    "train.resume": "trials start anew",
}


@dataclass(frozen=True)
class Dimension:
    """One searched setting: a range, or choices.

    Attributes:
        key: Dotted key of a setting of `train` or `model`, such as `train.augment.rotate`.
        low: Least value of a range.
        high: Greatest value of a range, included.
        log: Whether the range is searched on a logarithmic scale.
        step: Distance of the values tried; None for any value in the range.
        choices: The values to choose from, in place of a range.
    """

    key: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises ValueError unless there is a range or choices that can be searched."""
        if self.choices:
            self._check_choices()
        elif self.low is None or self.high is None:
            raise ValueError(f"space: {self.key} needs low and high, or choices.")
        else:
            self._check_range(self.low, self.high)

    def values(self, kind: type[Value]) -> list[Value]:
        """Returns the choices, or both ends of the range and its step if there is one.

        Args:
            kind: The type of the setting: bool, int, float or str.

        Raises:
            ValueError: A value is not of that type.
        """
        given = self.choices or [x for x in (self.low, self.high, self.step) if x is not None]
        return [self._typed(value, kind) for value in given]

    def _check_choices(self) -> None:
        if self.low is not None or self.high is not None or self.log or self.step is not None:
            raise ValueError(f"space: {self.key} has choices; leave out low, high, log and step.")
        different = {(type(choice), str(choice)) for choice in self.choices}
        if len(different) < max(2, len(self.choices)):
            raise ValueError(f"space: {self.key} needs two choices or more, none of them twice.")

    def _check_range(self, low: float, high: float) -> None:
        if not (isfinite(low) and isfinite(high) and low < high):
            raise ValueError(f"space: {self.key} needs a low that is below its high.")
        if self.log and (low <= 0 or self.step is not None):
            raise ValueError(f"space: {self.key} with log needs a low above 0, and no step.")
        if self.step is None:
            return
        if not (isfinite(self.step) and self.step > 0):
            raise ValueError(f"space: {self.key} needs a step above 0.")
        # In decimal, as written: 0.3 is three steps of 0.1.
        if (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(self.step)):
            raise ValueError(f"space: {self.key} needs a high that whole steps from low reach.")

    def _typed(self, value: object, kind: type[Value]) -> Value:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value):
            if kind is float:
                return float(value)
            if kind is int and value == int(value):
                return int(value)
        if kind in (bool, str) and isinstance(value, kind) and self.choices:
            return value
        wanted = {
            bool: "the choices true and false",
            int: "whole numbers",
            float: "numbers",
            str: "choices that are words",
        }
        raise ValueError(f"space: {self.key} takes {wanted[kind]}, not '{value}'.")


@group("space")
class SpaceSettings:
    """The search space of `tune`."""

    dimensions: list[Dimension] = setting(
        "The searched settings, each once: a `key` with `low` and `high`, and `log` or `step`; or "
        "with `choices`."
    )

    def __post_init__(self) -> None:
        """Raises ValueError if there is nothing to search, or a setting twice."""
        keys = [dimension.key for dimension in self.dimensions]
        if not keys:
            raise ValueError("space.dimensions is empty; name at least one setting to search.")
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise ValueError(f"space.dimensions names {twice[0]} twice.")

    def require_within(self, settings: Any) -> None:
        """Checks that every dimension is a setting, and that it may take the values.

        Args:
            settings: All settings, an instance of the dataclass with the groups.

        Raises:
            ValueError: A key is no setting, is not searched, or a value is not allowed.
        """
        for dimension in self.dimensions:
            key = dimension.key
            kind = plain_type(type(settings), key)
            if kind is None or key.split(".")[0] not in _GROUPS:
                raise ValueError(
                    f"space: '{key}' is not a single setting of {' or '.join(_GROUPS)}. Name one "
                    "such as train.learning_rate; --print-config shows them."
                )
            if key in _NOT_SEARCHED:
                raise ValueError(f"space: {key} cannot be searched: {_NOT_SEARCHED[key]}.")
            values = dimension.values(kind)
            # The group alone: the whole would check its space again.
            name, _, inner = key.partition(".")
            for value in values if dimension.choices else values[:2]:
                try:
                    with_value(getattr(settings, name), inner, value)
                except ValueError as error:
                    raise ValueError(f"space: {key} cannot be {value}: {error}") from error
