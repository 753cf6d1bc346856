"""The folders of config files, and what in them belongs to this tool."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from capsule_inspect.errors import ConfigError
from capsule_inspect.files import read_text
from capsule_inspect.settings.defaults import conf_folder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import EXPERIMENT, override_keys
from capsule_inspect.text import closest, suggest_path

CONFIG = "config.yaml"
"""The file of a config folder that names the option of each group."""


def config_folders(config_dir: Path | None = None) -> tuple[Path, ...]:
    """Returns the folders searched for config files, first match first.

    These are `config_dir`, then `./conf` unless `foreign_conf` says that it is of another project,
    then the `conf` that belongs to the package.

    Raises:
        ConfigError: `config_dir` is not a folder.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise ConfigError(
            f"The config folder '{config_dir}' does not exist."
            f"{suggest_path(config_dir) or ' Check --config-dir.'}"
        )
    given = [config_dir.resolve()] if config_dir else []
    here = Path("conf").resolve()
    own = [] if here not in given and foreign_conf() else [here]
    return tuple(
        dict.fromkeys(folder for folder in (*given, *own, conf_folder()) if folder.is_dir())
    )


def group_options(group: str, folders: Sequence[Path]) -> list[str]:
    """Returns the names of a group's config files, such as `int8` of `export`, sorted.

    Args:
        group: Name of the group.
        folders: Where to look.
    """
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})


def foreign_conf() -> str:
    """Returns why `./conf` is of another project, as a sentence; nothing if it is this tool's.

    Every project that uses Hydra has such a folder. That of another one sets what is not even like
    a setting of this tool.
    """
    folder, known = Path("conf"), override_keys(Settings())
    for file in (folder / CONFIG, *_group_files(folder)):
        prefix = "" if file.parent == folder else f"{file.parent.name}."
        for key in _keys_set(file, prefix):
            if closest(key, known, _LIKE) is None:
                return (
                    f"The folder 'conf' is left out, as that of another project: '{file}' sets "
                    f"{key}, which is not a setting. --config-dir conf reads it all the same."
                )
    return ""


_LIKE = 0.7
"""The likeness of keys from which one is a slip of the pen; `trian` and `train` have .8, `database`
and `data` .67."""


def _group_files(folder: Path) -> Iterator[Path]:
    groups = (key for key in override_keys(Settings()) if "." not in key)
    return (file for group in groups for file in sorted((folder / group).glob("*.yaml")))


def _keys_set(file: Path, prefix: str) -> Iterator[str]:
    """Yields the keys of a file and the groups that it chooses; none if it cannot be read."""
    values = _read(file)
    if not isinstance(values, dict):
        return
    yield from _groups_chosen(values.pop("defaults", None) or ())
    values.pop("hydra", None)
    yield from _keys_of(values, "" if prefix == f"{EXPERIMENT}." else prefix)


def _keys_of(values: Mapping[Any, Any], prefix: str) -> Iterator[str]:
    for name, value in values.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _keys_of(value, f"{prefix}{name}.")


def _groups_chosen(defaults: Iterable[Any]) -> Iterator[str]:
    for entry in defaults:
        if isinstance(entry, dict):
            # "override /model" and "optional experiment" choose model and experiment.
            yield from (str(name).split()[-1].lstrip("/") for name in entry)


def _read(file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(read_text(file))
    except (OSError, ValueError, yaml.YAMLError):
        return None  # composing tells what is wrong with it, if it is needed
