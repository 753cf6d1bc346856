"""Compose settings from `conf/` and overrides. Only this module knows Hydra."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from capsule_inspect.checks import require_choice
from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.defaults import conf_folder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import override_keys, suggest_key
from capsule_inspect.settings.yaml_text import one_line, typed_settings
from capsule_inspect.text import mask_passwords, suggest_path


def config_folders(config_dir: Path | None = None) -> tuple[Path, ...]:
    """Returns the folders searched for config files, first match first.

    These are `config_dir`, then `./conf`, then the `conf` that belongs to the package.

    Raises:
        ConfigError: `config_dir` is not a folder.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise ConfigError(
            f"The config folder '{config_dir}' does not exist."
            f"{suggest_path(config_dir) or ' Check --config-dir.'}"
        )
    given = [config_dir.resolve()] if config_dir else []
    folders = [*given, Path("conf").resolve(), conf_folder()]
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def group_options(group: str, folders: Sequence[Path]) -> list[str]:
    """Returns the names of a group's config files, such as `int8` of `export`, sorted.

    Args:
        group: Name of the group.
        folders: Where to look.
    """
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})


def compose(overrides: Sequence[str] = (), config_dir: Path | None = None) -> Settings:
    """Composes settings from config files and overrides.

    Config files are searched in the folders of `config_folders`. `experiment=PATH` reads an
    experiment file from anywhere.

    Args:
        overrides: Hydra overrides, such as `train.epochs=40` or `model=efficientnet_lite0`.
        config_dir: A folder of the user's own config groups.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.

    Example:
        >>> settings = compose(["train.epochs=40", "model=efficientnet_lite2"])
        >>> settings.train.epochs, settings.model.encoder
        (40, 'efficientnet_lite2')
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    folders = config_folders(config_dir)
    with _primary_folder(folders) as primary:
        named = _experiment_by_name(overrides, primary)
        for override in named:
            _require_understood(override, [primary, *folders])
        search = f"hydra.searchpath=[{','.join(_as_url(folder) for folder in folders)}]"
        try:
            with initialize_config_dir(str(primary), version_base="1.3"):
                return typed_settings(hydra_compose("config", overrides=[search, *named]))
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise ConfigError(_as_sentence(error)) from error


@contextmanager
def _primary_folder(folders: Sequence[Path]) -> Iterator[Path]:
    """Makes the folder that Hydra searches first. Hydra wants config.yaml to be there."""
    with tempfile.TemporaryDirectory() as name:
        primary = Path(name).resolve()
        for folder in folders:
            if (folder / "config.yaml").is_file():
                shutil.copyfile(folder / "config.yaml", primary / "config.yaml")
                break
        yield primary


def _experiment_by_name(overrides: Sequence[str], primary: Path) -> list[str]:
    """Copies an experiment file given by path to where Hydra finds it by name."""
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


def _require_understood(text: str, folders: Sequence[Path]) -> None:
    """Refuses an override in one sentence; Hydra would print a page."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError(
            f"'{mask_passwords(text)}' is not an override. Write KEY=VALUE, such as "
            "train.epochs=40; a value with signs such as = ? or * needs quotes of its own: "
            "\"KEY='VALUE'\"."
        ) from error
    key, settings = override.key_or_group, Settings()
    if override.is_sweep_override():
        raise ConfigError(
            f"'{mask_passwords(text)}' asks for several values of {key}, but a command runs once. "
            "Give one value; `tune` searches over many."
        )
    if key not in override_keys(settings):
        raise ConfigError(f"There is no setting '{key}'.{suggest_key(settings, key)}")
    value = override.value()
    if "." not in key and isinstance(value, str | int | float):
        require_choice(key, str(value), group_options(key, folders), ConfigError)


def _as_sentence(error: Exception) -> str:
    """Says in a sentence which setting is wrong, if the error knows, and why."""
    key = getattr(error, "full_key", None)
    reason = str(error).partition("\n")[0].rstrip(".")
    if key and key not in reason:
        return f"The setting {key} cannot be that: {reason}. --print-config shows what it is now."
    return f"The settings do not compose: {one_line(error)}"
