"""Give settings their default values, from the `conf/` of the package."""

from collections.abc import Callable, Mapping
from dataclasses import Field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from capsule_inspect.checks import checked

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:
    from capsule_inspect.checks import dataclass_transform

_Kind = TypeVar("_Kind")


# Without `field_specifiers`: type checkers then take every `setting(...)` for a default value.
@dataclass_transform(frozen_default=True)
def group(key: str) -> Callable[[type[_Kind]], type[_Kind]]:
    """Makes a class a group of settings: `checked`, with the default values of `conf/`.

    The values are read when they are first needed, so that importing a group costs nothing.

    Args:
        key: Dotted key of the group, such as `train` or `train.augment`.
    """

    def make(kind: type[_Kind]) -> type[_Kind]:
        for name, declared in vars(kind).items():
            if isinstance(declared, Field):
                declared.default_factory = partial(_default, kind, key, name)
        return checked(key)(kind)

    return make


@cache
def default_values(key: str) -> Mapping[str, Any]:
    """Returns the default values of a group, as the config file has them.

    Args:
        key: Dotted key of the group, such as `train` or `train.augment`.
    """
    first, *inner = key.split(".")
    values = _read_yaml(default_file(first))
    for name in inner:
        values = values[name]
    return values


def default_file(group: str) -> Path:
    """Returns the config file with a group's default values; `conf/config.yaml` names it.

    Args:
        group: Name of the group, such as `train`.
    """
    options = _read_yaml(conf_folder() / "config.yaml")["defaults"]
    (option,) = (option[group] for option in options if group in option)
    return conf_folder() / group / f"{option}.yaml"


def conf_folder() -> Path:
    """Returns the folder of the config files that belong to the package."""
    package = Path(__file__).resolve().parents[1]
    # A wheel carries conf inside the package; a checkout and an editable install have it beside.
    inside, beside = package / "conf", package.parent / "conf"
    return inside if inside.is_dir() else beside


def _default(kind: type[Any], key: str, name: str) -> Any:
    values = default_values(key)
    if name not in values:
        file = default_file(key.partition(".")[0])
        raise LookupError(f"'{file}' holds no default value for {key}.{name}. Add one.")
    value = values[name]
    return _typed(value, get_type_hints(kind)[name]) if isinstance(value, (dict, list)) else value


def _typed(value: Any, kind: Any) -> Any:
    """Copies a list of YAML, and makes the dataclass that a mapping is for."""
    if isinstance(value, list):
        (inner,) = get_args(kind)
        return [_typed(each, inner) for each in value]
    return kind(**value) if isinstance(value, dict) else value


@cache
def _read_yaml(file: Path) -> Mapping[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # four times faster
    values: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), loader)  # noqa: S506  (both are safe)
    return values
