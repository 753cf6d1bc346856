"""Composing settings from config files and overrides: the only code that knows Hydra."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from capsule_inspect.errors import ConfigError
from capsule_inspect.passwords import mask_passwords
from capsule_inspect.settings.dotted import keys, keys_named
from capsule_inspect.settings.settings import Settings
from capsule_inspect.suggest import closest, suggest, suggest_path


def compose(overrides: Sequence[str] = (), config_dir: Path | None = None) -> Settings:
    """Composes settings from config files and overrides.

    Config files are searched in `config_dir`, then in `./conf`, then in the `conf` that belongs to
    the package. `experiment=PATH` reads an experiment file from anywhere.

    Args:
        overrides: Hydra overrides, such as `train.epochs=40` or `model=efficientnet_lite0`.
        config_dir: A folder of the user's own config groups.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    folders = config_folders(config_dir)
    with _primary_folder(folders) as primary:
        named = _experiment_by_name(overrides, primary)
        _refuse_unknown(named, [primary, *folders])
        search = f"hydra.searchpath=[{','.join(_as_url(folder) for folder in folders)}]"
        try:
            with initialize_config_dir(str(primary), version_base="1.3"):
                return _typed(hydra_compose("config", overrides=[search, *named]))
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise ConfigError(_refusal(error)) from error


def to_yaml(settings: Settings) -> str:
    """Writes settings as the YAML that `--print-config` shows and run folders keep."""
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(OmegaConf.structured(settings)))


def groups_to_yaml(settings: Settings, groups: Sequence[str]) -> str:
    """Writes some groups of settings as YAML, as an experiment file holds them."""
    from omegaconf import OmegaConf

    chosen = {group: OmegaConf.structured(getattr(settings, group)) for group in groups}
    return str(OmegaConf.to_yaml(OmegaConf.create(chosen)))


def read_yaml(path: Path) -> Settings:
    """Reads settings written by `to_yaml`.

    Raises:
        ConfigError: The file is missing or does not hold settings.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        config = OmegaConf.load(path)
        if not config:
            raise ConfigError("it is empty")
        return _typed(config)
    except (OSError, OmegaConfBaseException, YAMLError, ValueError, ConfigError) as error:
        raise ConfigError(f"'{path}' holds no settings: {_one_line(error)}") from error


def config_folders(config_dir: Path | None = None) -> tuple[Path, ...]:
    """Returns the folders searched for config files, first match first.

    Raises:
        ConfigError: `config_dir` is not a folder.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise ConfigError(
            f"The config folder '{config_dir}' does not exist."
            f"{suggest_path(config_dir) or ' Check --config-dir.'}"
        )
    package = Path(__file__).resolve().parent
    # A wheel carries conf inside the package; a checkout and an editable install have it beside.
    inside, beside = package / "conf", package.parent / "conf"
    own = inside if inside.is_dir() else beside
    given = [config_dir.resolve()] if config_dir else []
    folders = [*given, Path("conf").resolve(), own]
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def group_options(group: str, folders: Sequence[Path] | None = None) -> list[str]:
    """Returns the names of a group's config files, such as `int8` of `export`, sorted.

    Args:
        group: Name of the group.
        folders: Where to look; by default in those of `config_folders`.
    """
    searched = config_folders() if folders is None else folders
    return sorted({file.stem for folder in searched for file in (folder / group).glob("*.yaml")})


def _typed(config: Any) -> Settings:
    from omegaconf import DictConfig, OmegaConf

    if not isinstance(config, DictConfig):
        raise ConfigError("The settings do not compose: the config is not a mapping of groups.")
    _refuse_unknown_keys(config)
    schema = OmegaConf.structured(Settings)
    _make_writable(schema)  # frozen dataclasses give read-only nodes, which refuse a merge
    settings = OmegaConf.to_object(OmegaConf.merge(schema, config))
    assert isinstance(settings, Settings)  # noqa: S101  (what `structured` was given)
    return settings


def _refuse_unknown_keys(config: Any) -> None:
    """Checks the keys that config files brought; those of overrides are checked before."""
    if "experiment" in config:
        raise ConfigError(
            "The experiment file must start with the line `# @package _global_` and name groups "
            "of settings, such as `train:` with `epochs: 40` below it."
        )
    known = frozenset(keys(Settings()))
    for key in _keys_of_node(config):
        if key not in known:
            raise ConfigError(f"A config file sets '{key}', which is no setting.{_meant(key)}")


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


@contextmanager
def _primary_folder(folders: Sequence[Path]) -> Iterator[Path]:
    """Makes the folder Hydra looks into first; it insists that config.yaml lies there."""
    with tempfile.TemporaryDirectory() as name:
        primary = Path(name).resolve()
        for folder in folders:
            if (folder / "config.yaml").is_file():
                shutil.copyfile(folder / "config.yaml", primary / "config.yaml")
                break
        yield primary


def _experiment_by_name(overrides: Sequence[str], primary: Path) -> list[str]:
    """Puts an experiment file given by path where Hydra finds it by name."""
    named, key = list(overrides), "experiment="
    for i, text in enumerate(named):
        if text.startswith(key) and text.endswith((".yaml", ".yml")):
            source = Path(text[len(key) :])
            if not source.is_file():
                raise ConfigError(
                    f"The experiment file '{source}' does not exist."
                    f"{suggest_path(source) or ' Check the path.'}"
                )
            (primary / "experiment").mkdir(exist_ok=True)
            shutil.copyfile(source, primary / "experiment" / "given.yaml")
            named[i] = f"{key}given"
    return named


def _as_url(folder: Path) -> str:
    return f'"file://{folder.as_posix()}"'


def _refuse_unknown(overrides: Sequence[str], folders: Sequence[Path]) -> None:
    """Checks names and values that Hydra would answer with a page instead of a sentence."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    known = {*keys(Settings()), "experiment"}
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            raise ConfigError(
                f"'{mask_passwords(text)}' is not an override. Write KEY=VALUE, such as "
                "train.epochs=40; a value with signs such as = ? or * needs quotes of its own: "
                "\"KEY='VALUE'\"."
            ) from error
        key = override.key_or_group
        if override.is_sweep_override():
            raise ConfigError(
                f"'{mask_passwords(text)}' asks for several values of {key}, but a command runs "
                "once. "
                "Give one value; `tune` searches over many."
            )
        if key not in known:
            raise ConfigError(f"There is no setting '{key}'.{_meant(key)}")
        _refuse_unknown_option(key, override.value(), folders)


def _refuse_unknown_option(key: str, value: object, folders: Sequence[Path]) -> None:
    options = group_options(key, folders)
    if "." not in key and isinstance(value, str) and value not in options:
        raise ConfigError(
            f"There is no {key} '{value}'.{suggest(value, options)} "
            f"Known: {', '.join(options) or 'none'}."
        )


def _meant(key: str) -> str:
    """Suggests a setting: a neighbour in the same group, if there is such a group."""
    known = [*keys(Settings()), "experiment"]
    group, _, name = key.rpartition(".")
    if not group and (alike := keys_named(Settings(), name)):
        return f" Did you mean {' or '.join(repr(each) for each in alike)}?"
    if group not in known:
        return suggest(key, known)
    members = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == group]
    meant = closest(name, members)
    return f" Did you mean '{group}.{meant}'?" if meant else f" {group} has {', '.join(members)}."


def _refusal(error: Exception) -> str:
    """Says what is wrong with settings that were found, and with which, where that is known."""
    key = getattr(error, "full_key", None)
    reason = str(error).partition("\n")[0].rstrip(".")
    if key and key not in reason:
        return f"The setting {key} cannot be that: {reason}. --print-config shows what it is now."
    return f"The settings do not compose: {_one_line(error)}"


def _one_line(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:2] if line.strip())
