"""Write settings as YAML, and read them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import keys, suggest_key


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
    """Turns a composed or loaded config into settings. A setting it leaves out keeps its default.

    Args:
        config: A config of OmegaConf.

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
    _make_writable(schema)  # a frozen dataclass becomes a read-only node, and that refuses a merge
    settings = OmegaConf.to_object(OmegaConf.merge(schema, config))
    assert isinstance(settings, Settings)  # noqa: S101  (what `structured` was given)
    return settings


def one_line(error: Exception) -> str:
    """Returns the first two lines of an error of OmegaConf, YAML or settings as one."""
    return " ".join(line.strip() for line in str(error).splitlines()[:2] if line.strip())


def _require_known_keys(config: Any) -> None:
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
                f"A config file sets '{key}', which is not a setting.{suggest_key(defaults, key)}"
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
