"""Strict reading of JSON objects: every value is checked for type and range."""

import dataclasses
import json
import reprlib
import sys
import unicodedata
from typing import Any

_MAX_NUMBER = sys.float_info.max
_MAX_INTEGER = 2**31
_UNPRINTABLE = ("Cc", "Cs")  # control characters and lone surrogates


def parse_object(data: bytes) -> dict[str, object]:
    """Parses UTF-8 JSON whose top level is an object.

    Raises:
        ValueError: The data is not UTF-8, not JSON, not an object or nested too deeply, repeats a
            key, or holds a number that is not valid JSON, such as NaN.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def field_names(kind: type[Any]) -> frozenset[str]:
    """Returns the names of a dataclass's fields: the keys of its JSON object."""
    return frozenset(field.name for field in dataclasses.fields(kind))


class StrictObject:
    """A JSON object with exactly the given keys, read value by value.

    All methods raise ValueError with the place and the reason, such as "`roi.width` is 0, out of
    range".

    Args:
        value: The parsed JSON value.
        where: Its place in the document, for messages; empty at the top level.
        keys: The keys it must have; no others are allowed.
    """

    def __init__(self, value: object, where: str, keys: frozenset[str]) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"`{where}` is not an object")
        self._value = value
        self._prefix = f"{where}." if where else ""
        for problem, names in (("missing", keys - value.keys()), ("unknown", value.keys() - keys)):
            if names:
                raise ValueError(f"{self._place(min(names))} is {problem}")

    def text(self, key: str) -> str:
        """Returns a string that is safe to print: one line, not blank, no control characters."""
        return self._as_text(self._value[key], self._place(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """Returns a list of strings, each as `text` takes it."""
        place = self._place(key)
        return tuple(self._as_text(item, f"an entry of {place}") for item in self.items(key))

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """Returns one of the allowed strings."""
        value = self._value[key]
        if value not in allowed:
            raise self._bad(key, f"not one of {', '.join(allowed)}")
        return str(value)

    def sha256(self, key: str) -> str:
        """Returns a SHA-256 of 64 lower-case hexadecimal digits."""
        value = self.text(key)
        if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
            raise self._bad(key, "not a SHA-256")
        return value

    def count(self, key: str, low: int = 1) -> int:
        """Returns a whole number of at least `low`."""
        value = self._value[key]
        if type(value) is not int:  # True is an int too
            raise self._bad(key, "not a whole number")
        if value < low:
            raise self._bad(key, "out of range")
        return value

    def integers(self, key: str) -> tuple[int, ...]:
        """Returns a list of whole numbers within ± 2**31."""
        place = f"an entry of {self._place(key)}"
        return tuple(self._as_integer(item, place) for item in self.items(key))

    def number(self, key: str, low: float = -_MAX_NUMBER, high: float = _MAX_NUMBER) -> float:
        """Returns a finite number in [low, high]."""
        return self._as_number(self._value[key], self._place(key), low, high)

    def numbers(
        self, key: str, low: float = -_MAX_NUMBER, high: float = _MAX_NUMBER
    ) -> tuple[float, ...]:
        """Returns a list of finite numbers in [low, high]."""
        place = f"an entry of {self._place(key)}"
        return tuple(self._as_number(item, place, low, high) for item in self.items(key))

    def optional_number(self, key: str) -> float | None:
        """Returns a finite number; None for null."""
        return None if self._value[key] is None else self.number(key)

    def items(self, key: str) -> list[object]:
        """Returns a list of unchecked values."""
        value = self._value[key]
        if not isinstance(value, list):
            raise self._bad(key, "not a list")
        return value

    def __getitem__(self, key: str) -> object:
        return self._value[key]

    def _place(self, key: str) -> str:
        return f"`{self._prefix}{key}`"

    def _bad(self, key: str, problem: str) -> ValueError:
        return ValueError(f"{self._place(key)} is {reprlib.repr(self._value[key])}, {problem}")

    @staticmethod
    def _as_text(value: object, place: str) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{place} is {reprlib.repr(value)}, not a text")
        if any(unicodedata.category(character) in _UNPRINTABLE for character in value):
            raise ValueError(f"{place} is {reprlib.repr(value)}, with control characters")
        return value

    @staticmethod
    def _as_integer(value: object, place: str) -> int:
        if type(value) is not int:  # True is an int too
            raise ValueError(f"{place} is {reprlib.repr(value)}, not a whole number")
        if abs(value) > _MAX_INTEGER:
            raise ValueError(f"{place} is {reprlib.repr(value)}, out of range")
        return value

    @staticmethod
    def _as_number(value: object, place: str, low: float, high: float) -> float:
        if type(value) is not int and type(value) is not float:  # True is an int too
            raise ValueError(f"{place} is {reprlib.repr(value)}, not a number")
        if not low <= value <= high:
            raise ValueError(f"{place} is {reprlib.repr(value)}, out of range")
        return float(value)
