"""Checks on the values of settings."""

from collections.abc import Collection
from math import inf
from operator import ge, gt, le, lt

from capsule_inspect.text import suggest

_HOLDS = {"at least": ge, "above": gt, "at most": le, "below": lt}


def require_choice(
    key: str, value: str, known: Collection[str], error: type[Exception] = ValueError
) -> None:
    """Checks that a value is one of a few.

    Args:
        key: What the value was given for, such as `train.schedule`.
        value: What was given.
        known: What it can be.
        error: The type of exception to raise.

    Raises:
        ValueError: It is none of them, or what `error` says; the message names the one that was
            probably meant, and all.
    """
    if value not in known:
        raise error(f"{key} cannot be '{value}'.{suggest(value, known)} Known: {', '.join(known)}.")


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
        key: What the number was given for, such as `train.epochs`.
        value: What was given.
        at_least: The lowest allowed.
        above: What must be exceeded.
        at_most: The highest allowed.
        below: What must not be reached.

    Raises:
        ValueError: It is infinite, not a number, or out of bounds.
    """
    given = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    bounds = {word: bound for word, bound in given.items() if bound is not None}
    is_finite = -inf < value < inf
    if not is_finite or not all(_HOLDS[word](value, bound) for word, bound in bounds.items()):
        wanted = [] if is_finite else ["finite"]
        wanted += [f"{word} {bound}" for word, bound in bounds.items()]
        raise ValueError(f"{key} is {value}, but must be {' and '.join(wanted)}.")
