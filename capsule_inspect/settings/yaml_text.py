"""Write settings as YAML, and read them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import reduce
from io import StringIO
from pathlib import Path
from typing import Any

from capsule_inspect.errors import ConfigError
from capsule_inspect.files import read_text
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import keys, plain_type, suggest_key


def to_yaml(settings: Settings) -> str:
    """Writes settings as the YAML that `--print-config` shows and run folders keep."""
    return _to_yaml(asdict(settings))


def groups_to_yaml(settings: Settings, groups: Sequence[str]) -> str:
    """Writes some groups of settings as YAML, as an experiment file holds them."""
    return _to_yaml({group: asdict(getattr(settings, group)) for group in groups})


def _to_yaml(values: dict[str, Any]) -> str:
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(OmegaConf.create(_to_the_letter(values))))


def _to_the_letter(value: Any) -> Any:
    """Copies lists and mappings, with texts in which OmegaConf sees no interpolation."""
    if isinstance(value, dict):
        return {key: _to_the_letter(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_the_letter(each) for each in value]
    return without_interpolation(value) if isinstance(value, str) else value


def read_settings(path: Path) -> Settings:
    """Reads settings written by `to_yaml`.

    Raises:
        ConfigError: The file is missing or does not hold settings.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        if config := OmegaConf.load(StringIO(read_text(path))):
            return typed_settings(config)
    except (OSError, OmegaConfBaseException, YAMLError, ValueError, ConfigError) as error:
        raise ConfigError(f"'{path}' holds no settings: {one_line(error).rstrip('.')}.") from error
    raise ConfigError(f"'{path}' holds no settings: it is empty.")


def typed_settings(config: Any, place_of: Callable[[str], str] = lambda _: "") -> Settings:
    """Turns a composed or loaded config into settings. A setting it leaves out keeps its default.

    Args:
        config: A config of OmegaConf.
        place_of: Returns the file and the line that set a key, or nothing.

    Raises:
        ConfigError: It is no mapping of groups, or has a key that is no setting.
        OmegaConfBaseException: A value is of the wrong type.
        ValueError: A value is out of range.
    """
    from omegaconf import DictConfig, OmegaConf

    if not isinstance(config, DictConfig):
        raise ConfigError("The settings do not compose: the config is not a mapping of groups.")
    _require_known_keys(config, place_of)
    _require_words(config, place_of)
    schema = OmegaConf.structured(Settings())
    _make_writable(schema)  # a frozen dataclass becomes a read-only node, and that refuses a merge
    settings = OmegaConf.to_object(OmegaConf.merge(schema, config))
    assert isinstance(settings, Settings)  # noqa: S101  (what `structured` was given)
    return settings


def without_interpolation(text: str) -> str:
    r"""Returns a text that OmegaConf takes to the letter, even where it holds `${`."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def one_line(error: Exception) -> str:
    """Returns the first two lines of an error of OmegaConf, YAML or settings as one."""
    return " ".join(line.strip() for line in str(error).splitlines()[:2] if line.strip())


def _require_known_keys(config: Any, place_of: Callable[[str], str]) -> None:
    if "experiment" in config:
        raise ConfigError(
            "The experiment file must start with the line `# @package _global_` and name groups "
            "of settings, such as `train:` with `epochs: 40` below it."
        )
    defaults = Settings()
    known = frozenset(keys(defaults))
    for key in _keys_of_node(config):
        if key not in known:
            raise ConfigError(
                f"{place_of(key) or 'A config file'} sets '{key}', which is not a setting."
                f"{suggest_key(defaults, key)}"
            )


def _require_words(config: Any, place_of: Callable[[str], str]) -> None:
    """Refuses what YAML takes for another type than text: of 1.10, only 1.1 is left."""
    from omegaconf import OmegaConf

    values = OmegaConf.to_container(config, resolve=False)
    for key in keys(Settings()):
        value = reduce(_member, key.split("."), values)
        if plain_type(Settings, key) is str and isinstance(value, bool | int | float):
            raise ConfigError(
                f"{place_of(key) or 'A config file'} sets {key} to a word that YAML reads as "
                f"{value}. Put the word in quotes."
            )


def _member(values: Any, name: str) -> Any:
    return values.get(name) if isinstance(values, dict) else None


def _keys_of_node(node: Any, prefix: str = "") -> Iterator[str]:
    from omegaconf import DictConfig

    for key in node:
        yield f"{prefix}{key}"
        if isinstance(node[key], DictConfig):
            yield from _keys_of_node(node[key], f"{prefix}{key}.")


def _make_writable(node: Any) -> None:
    from omegaconf import DictConfig, OmegaConf

    OmegaConf.set_readonly(node, False)
    for key in node:
        if isinstance(node[key], DictConfig):
            _make_writable(node[key])
