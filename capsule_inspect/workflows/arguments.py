"""The arguments that workflows share: paths, and the settings that overrides compose."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, overload

from capsule_inspect.errors import ConfigError, UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.inference.addresses import refuse_address
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.config_folders import config_folders, foreign_conf, group_options
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import OPTIONS, value_of, with_value
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.text import mask_passwords

Options: TypeAlias = Mapping[str, StrPath | None]
"""The values of a command's options, by the settings they stand for; None if not given."""


def as_path(path: StrPath | None) -> Path | None:
    """Returns a path that may be left out as a `Path`."""
    return None if path is None else Path(path)


@overload
def as_output(path: StrPath) -> Path: ...
@overload
def as_output(path: StrPath | None) -> Path | None: ...
def as_output(path: StrPath | None) -> Path | None:
    """Returns where to write, which may be left out, as a `Path`.

    Raises:
        UsageError: It is an address, which `predict` alone can write to.
    """
    if path is not None:
        refuse_address(path, "Name a folder; predict alone can write to an address.")
    return as_path(path)


def options_of(command: str = "", **given: StrPath | None) -> Options:
    """Returns the options of a command by the settings they stand for, as `OPTIONS` pairs them.

    Args:
        command: The group of settings of which the command has options, besides those of `data`.
        **given: The options by their names in Python, such as `data_root` for `--data-root`.
    """
    key_of = {
        option.removeprefix("--").replace("-", "_"): key
        for key, option in OPTIONS.items()
        if key.startswith(("data.", f"{command}."))
    }
    return {key_of[name]: value for name, value in given.items()}


def compose_settings(
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    options: Options = MappingProxyType({}),
    *,
    light: bool = False,
    reporter: Reporter = SILENT,
) -> Settings:
    """Composes the settings of a workflow.

    Args:
        overrides: Settings to change, such as `train.epochs=40`.
        config_dir: A folder of the user's own config groups.
        options: All of `OPTIONS` that the workflow takes, as `options_of` returns them; they
            replace the settings of config files.
        light: Do not import Hydra where there are neither overrides nor config files of the
            user's own; the defaults hold then.
        reporter: Told of overrides that have an option.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.
        UsageError: An override contradicts its option.
    """
    if isinstance(overrides, str):
        raise UsageError(
            f"overrides is the text '{overrides}'; give a list, such as ['{overrides}']."
        )
    folder = as_path(config_dir)
    if "data.dir" in options:
        _refuse_folder_as_group(overrides, folder)
    if foreign := foreign_conf():
        reporter.say(foreign)
    if light and not overrides and len(config_folders(folder)) == 1:
        settings = Settings()
    else:
        settings = compose(overrides, folder)
    for key, value in options.items():
        stated = [text for text in overrides if overridden_key(text) == key]
        if stated:
            _explain_option(stated[-1], key, value_of(settings, key), value, reporter)
        if value is not None:
            settings = with_value(settings, key, os.fspath(value))
    return settings


def compose_for_model(
    model: Path,
    overrides: Sequence[str],
    config_dir: StrPath | None,
    options: Options,
    reporter: Reporter = SILENT,
) -> Settings:
    """Composes the settings of a workflow with a model; its data set is that of the model's run.

    Args:
        model: The folder of a run or study, or a file in it.
        overrides: Settings to change. They may name another data set, and so may the rest.
        config_dir: A folder of the user's own config groups.
        options: As `compose_settings` takes them.
        reporter: Told which data set it is.

    Raises:
        ConfigError: As `compose_settings` raises it, or the run's settings cannot be read.
        UsageError: An override contradicts its option.
    """
    settings = compose_settings(overrides, config_dir, options, reporter=reporter)
    run = RunFolder(model if model.is_dir() else model.parent)
    told = {key for key, value in options.items() if value is not None}
    told |= {overridden_key(text) for text in overrides}
    is_told = not told.isdisjoint({"data", "data.dir"})
    if is_told or settings.data.dir != Settings().data.dir or not run.decision.is_file():
        return settings
    trained_on = read_settings(run.config).data
    reporter.say(f"The data set is '{trained_on.dir}', on which it was trained.")
    settings = with_value(settings, "data.dir", trained_on.dir)
    return settings if settings.data.root else with_value(settings, "data.root", trained_on.root)


def _refuse_folder_as_group(overrides: Sequence[str], config_dir: Path | None) -> None:
    """Refuses `data=DIR` with the option that was meant: `data` chooses a config file."""
    for text in overrides:
        key, equals, given = text.partition("=")
        if key != "data" or not equals:
            continue
        value, known = given.strip("'\""), group_options(key, config_folders(config_dir))
        if value not in known:
            raise ConfigError(
                f"data cannot be '{value}'. Known: {', '.join(known)}. For a data set folder, "
                f"write `{_as_option('data.dir', value)}`."
            )


def _explain_option(
    override: str, key: str, stated: str, value: StrPath | None, reporter: Reporter
) -> None:
    """Says which option replaces an override; raises UsageError if the option says otherwise."""
    written = mask_passwords(override)
    if value is not None and not _is_same(stated, os.fspath(value)):
        raise UsageError(
            f"`{written}` contradicts `{_as_option(key, os.fspath(value))}`. Leave one of them out."
        )
    if stated:
        reporter.say(f"`{written}` is now `{_as_option(key, stated)}`.")


def _is_same(one: str, other: str) -> bool:
    return one == other or ("://" not in one and Path(one) == Path(other))


def _as_option(key: str, value: str) -> str:
    return f"{OPTIONS[key]} {shlex.quote(mask_passwords(value))}"


def all_overrides(overrides: Sequence[str], options: Options) -> tuple[str, ...]:
    """Returns the overrides for the records of a run, with the options that were given."""
    given = ((key, value) for key, value in options.items() if value is not None)
    return (*overrides, *(f"{key}={os.fspath(value)}" for key, value in given))


def overridden_key(override: str) -> str:
    """Returns the key of an override, such as `train.epochs` of `train.epochs=40`."""
    return override.partition("=")[0].lstrip("+~")
