"""Settings as YAML text, and suggestions for misspelled keys."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import keys, keys_named
from capsule_inspect.text import closest, suggest


def suggest_setting(key: str) -> str:
    """Returns a sentence, with a space before it, that names what was meant, or nothing.

    In a group that exists it is a neighbour, or all of them where none is alike.

    Args:
        key: What was written, such as `train.epoch` or `epochs`.
    """
    settings = Settings()
    known = [*keys(settings), "experiment"]
    group, _, name = key.rpartition(".")
    if not group and (alike := keys_named(settings, name)):
        return f" Did you mean {' or '.join(repr(each) for each in alike)}?"
    if group not in known:
        return suggest(key, known)
    members = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == group]
    meant = closest(name, members)
    return f" Did you mean '{group}.{meant}'?" if meant else f" {group} has {', '.join(members)}."


def to_yaml(settings: Settings) -> str:
    """Writes settings as the YAML that `--print-config` shows and run folders keep."""
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(OmegaConf.structured(settings)))


def groups_to_yaml(settings: Settings, groups: Sequence[str]) -> str:
    """Writes some groups of settings as YAML, as an experiment file holds them."""
    from omegaconf import OmegaConf

    chosen = {group: OmegaConf.structured(getattr(settings, group)) for group in groups}
    return str(OmegaConf.to_yaml(OmegaConf.create(chosen)))


def read_settings(path: Path) -> Settings:
    """Reads settings written by `to_yaml`.

    Raises:
        ConfigError: The file is missing or does not hold settings.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        if config := OmegaConf.load(path):
            return typed_settings(config)
    except (OSError, OmegaConfBaseException, YAMLError, ValueError, ConfigError) as error:
        raise ConfigError(f"'{path}' holds no settings: {one_line(error)}") from error
    raise ConfigError(f"'{path}' holds no settings: it is empty.")


def typed_settings(config: Any) -> Settings:
    """Turns a composed or loaded config into settings; what it leaves out keeps its default.

    Args:
        config: A node of OmegaConf.

    Raises:
        ConfigError: It is no mapping of groups, or has a key that is no setting.
        OmegaConfBaseException: A value is of the wrong type.
        ValueError: A value is out of range.
    """
    from omegaconf import DictConfig, OmegaConf

    if not isinstance(config, DictConfig):
        raise ConfigError("The settings do not compose: the config is not a mapping of groups.")
    _require_known_keys(config)
    schema = OmegaConf.structured(Settings())
    _make_writable(schema)  # frozen dataclasses give read-only nodes, which refuse a merge
    settings = OmegaConf.to_object(OmegaConf.merge(schema, config))
    assert isinstance(settings, Settings)  # noqa: S101  (what `structured` was given)
    return settings


def one_line(error: Exception) -> str:
    """Returns what matters of an error of OmegaConf, YAML or settings, in one line."""
    return " ".join(line.strip() for line in str(error).splitlines()[:2] if line.strip())


def _require_known_keys(config: Any) -> None:
    if "experiment" in config:
        raise ConfigError(
            "The experiment file must start with the line `# @package _global_` and name groups "
            "of settings, such as `train:` with `epochs: 40` below it."
        )
    known = frozenset(keys(Settings()))
    for key in _keys_of_node(config):
        if key not in known:
            raise ConfigError(
                f"A config file sets '{key}', which is no setting.{suggest_setting(key)}"
            )


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
