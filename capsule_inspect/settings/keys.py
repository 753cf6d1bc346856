"""Find settings by their dotted keys, such as `train.epochs`."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import reduce
from typing import Any, Final, TypeVar, get_type_hints

from capsule_inspect.text import closest, suggest

Value = bool | int | float | str
"""The value of a plain setting."""

_Settings = TypeVar("_Settings")

OPTIONS: Final = {
    "data.dir": "--data",
    "data.root": "--data-root",
    "train.resume": "--resume",
    "tune.resume": "--resume",
    "tune.storage": "--storage",
    "export.cross_validation": "--cross-validation",
}
"""The option of each setting that says where something is, and nothing about a network."""


def keys(settings: object, prefix: str = "") -> Iterator[str]:
    """Yields every key of a settings dataclass, groups included.

    Args:
        settings: An instance of it, or of a plain type, which has no keys.
        prefix: Text put before each key.
    """
    if not is_dataclass(settings):
        return
    for entry in fields(settings):
        yield prefix + entry.name
        yield from keys(getattr(settings, entry.name), f"{prefix}{entry.name}.")


def keys_named(settings: object, name: str) -> list[str]:
    """Returns the keys in groups whose last part is a name, such as `train.epochs` of `epochs`."""
    return [key for key in keys(settings) if key.endswith(f".{name}")]


EXPERIMENT: Final = "experiment"
"""The key that chooses an experiment file; no setting."""


def override_keys(settings: object) -> list[str]:
    """Returns the keys that an override can name: every key, and `experiment`."""
    return [*keys(settings), EXPERIMENT]


def suggest_key(settings: object, key: str) -> str:
    """Returns a sentence that names the key that was meant, with a space before it, or nothing.

    If the group exists and no key of it is alike, the sentence names all of them.

    Args:
        settings: All settings.
        key: The key as it was written, such as `train.epoch` or `epochs`.
    """
    known = override_keys(settings)
    group, _, name = key.rpartition(".")
    if not group and (alike := keys_named(settings, name)):
        meant_names = dict.fromkeys(OPTIONS.get(each, each) for each in alike)
        return f" Did you mean {' or '.join(repr(each) for each in meant_names)}?"
    if group not in known:
        return suggest(key, known)
    members = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == group]
    meant = closest(name, members)
    if not meant:
        return f" {group} has {', '.join(members)}."
    return f" Did you mean '{OPTIONS.get(f'{group}.{meant}', f'{group}.{meant}')}'?"


def plain_type(settings: type, key: str) -> type[Value] | None:
    """Returns the type of a plain setting.

    Args:
        settings: A dataclass of settings, which may hold others.
        key: Its dotted key.

    Returns:
        bool, int, float or str; None where the key names a group, a list or nothing.
    """
    found: Any = settings
    for name in key.split("."):
        found = get_type_hints(found).get(name) if is_dataclass(found) else None
    return found if found in (bool, int, float, str) else None


def value_of(settings: object, key: str) -> Any:
    """Returns a setting, or a group of settings.

    Args:
        settings: An instance of a dataclass of settings.
        key: The dotted key of a setting it has.
    """
    return reduce(getattr, key.split("."), settings)


def with_value(settings: _Settings, key: str, value: Value) -> _Settings:
    """Returns a copy of settings in which one has another value.

    Args:
        settings: An instance of a dataclass of settings.
        key: The dotted key of a setting it has.
        value: Of the type of the setting.

    Raises:
        ValueError: The settings do not allow the value.
    """
    name, _, rest = key.partition(".")
    inner: Any = with_value(getattr(settings, name), rest, value) if rest else value
    changed: _Settings = replace(settings, **{name: inner})  # type: ignore[type-var]  # any dataclass
    return changed
