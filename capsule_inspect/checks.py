"""Declare settings with a sentence and the values they can take, and check values."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from math import inf
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any, TypeVar

from capsule_inspect.choices import CAMERA_BITS, FILE_BITS
from capsule_inspect.text import suggest

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # `typing` has it from Python 3.11 on.

    def dataclass_transform(**_):
        """Tells type checkers alone that a decorator makes dataclasses."""
        return lambda decorator: decorator


_Kind = TypeVar("_Kind")
_HOLDS = {"at least": ge, "above": gt, "at most": le, "below": lt}


@dataclass(frozen=True)
class Rule:
    """The description of a setting and the values it can take.

    Attributes:
        sentence: The description.
        bounds: The bounds of a number, by `at least`, `above`, `at most` or `below`.
        choices: The only words allowed; empty for any.
    """

    sentence: str
    bounds: Mapping[str, float]
    choices: Collection[str]

    @property
    def allowed(self) -> str:
        """The values in words, such as `at least 0 and below 1`; empty for any."""
        return f"one of {', '.join(self.choices)}" if self.choices else _in_words(self.bounds)

    def check(self, key: str, value: Any) -> None:
        """Raises ValueError if a value is not allowed. Numbers must be finite, too."""
        if self.choices:
            require_choice(key, value, self.choices)
        elif self.bounds or isinstance(value, float):
            _require_bounds(key, value, self.bounds)


def setting(
    sentence: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    choices: Collection[str] = (),
) -> Any:
    """Declares a field of a class made by `checked`.

    Args:
        sentence: The description of the setting.
        at_least: The lowest number allowed.
        above: The number that must be exceeded.
        at_most: The highest number allowed.
        below: The number that must not be reached.
        choices: The only words allowed; empty for any.
    """
    rule = Rule(sentence, _bounds(at_least, above, at_most, below), choices)
    return field(metadata={"rule": rule})


@dataclass_transform(frozen_default=True, field_specifiers=(setting,))
def checked(key: str) -> Callable[[type[_Kind]], type[_Kind]]:
    """Makes a class a frozen dataclass that checks its settings when it is constructed.

    The constructor raises ValueError if a value is not allowed. After that it runs the class's own
    `__post_init__`, which is for rules between settings.

    Args:
        key: The name of the class in messages, such as `model.roi`.

    Raises:
        TypeError: A field of the class is not declared by `setting`.

    Example:
        >>> @checked("lamp")
        ... class Lamp:
        ...     watts: float = setting("Power of the lamp.", above=0)
        >>> Lamp(watts=-1)
        Traceback (most recent call last):
        ValueError: lamp.watts is -1, but must be above 0.
    """

    def make(kind: type[_Kind]) -> type[_Kind]:
        for name in kind.__annotations__:
            if not isinstance(vars(kind).get(name), Field):
                raise TypeError(f"Declare {kind.__name__}.{name} by setting(...), with a sentence.")
        check_more = getattr(kind, "__post_init__", None)

        def check(self: Any) -> None:
            for name, rule in rules_of(self).items():
                rule.check(f"{key}.{name}", getattr(self, name))
            if check_more:
                check_more(self)

        kind.__post_init__ = check  # type: ignore[attr-defined]  # what a dataclass calls
        return dataclass(frozen=True)(kind)

    return make


def rules_of(settings: Any) -> dict[str, Rule]:
    """Returns the rule of each setting of a class made by `checked`, or of an instance of it."""
    return {each.name: each.metadata["rule"] for each in fields(settings)}


def require_choice(
    key: str, value: str, known: Collection[str], error: type[Exception] = ValueError
) -> None:
    """Checks that a value is one of a few.

    Args:
        key: The setting that gets the value, such as `train.schedule`.
        value: The value.
        known: The words allowed.
        error: The type of exception to raise.

    Raises:
        ValueError: The value is not allowed; or the type that `error` gives. The message suggests
            the closest word and lists all.
    """
    if value not in known:
        raise error(f"{key} cannot be '{value}'.{suggest(value, known)} Known: {', '.join(known)}.")


def require_bits(key: str, bits: int | None, error: type[Exception] = ValueError) -> None:
    """Checks that a camera can use so many bits of files of 16; None is what each file says.

    Args:
        key: The setting that gets the number, such as `data.bits`.
        bits: The number.
        error: The type of exception to raise.

    Raises:
        ValueError: It is none of `CAMERA_BITS`; or the type that `error` gives.
    """
    if bits is not None and bits not in CAMERA_BITS:
        raise error(
            f"{key} is {bits}, but must be from {CAMERA_BITS[0]} to {CAMERA_BITS[-1]}: the bits "
            f"that a camera uses of {FILE_BITS}. Pictures of 8 bits need none."
        )


def require_range(
    key: str,
    value: float,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> None:
    """Checks that a number is finite and within bounds.

    Args:
        key: The setting that gets the number, such as `train.epochs`.
        value: The number.
        at_least: The lowest number allowed.
        above: The number that must be exceeded.
        at_most: The highest number allowed.
        below: The number that must not be reached.

    Raises:
        ValueError: It is infinite, not a number, or out of bounds.
    """
    _require_bounds(key, value, _bounds(at_least, above, at_most, below))


def _bounds(
    at_least: float | None, above: float | None, at_most: float | None, below: float | None
) -> dict[str, float]:
    given = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    return {word: bound for word, bound in given.items() if bound is not None}


def _require_bounds(key: str, value: float, bounds: Mapping[str, float]) -> None:
    is_finite = -inf < value < inf
    if not is_finite or not all(_HOLDS[word](value, bound) for word, bound in bounds.items()):
        wanted = _in_words(bounds, () if is_finite else ("finite",))
        raise ValueError(f"{key} is {value}, but must be {wanted}.")


def _in_words(bounds: Mapping[str, float], before: Sequence[str] = ()) -> str:
    return " and ".join([*before, *(f"{word} {bound}" for word, bound in bounds.items())])
