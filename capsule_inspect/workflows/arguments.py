"""The arguments that workflows share: paths, and the settings that overrides compose."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from capsule_inspect.settings.compose import compose, config_folders
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import with_value

StrPath: TypeAlias = str | os.PathLike[str]
"""A path as Python's own functions take it."""


def as_path(path: StrPath | None) -> Path | None:
    """Returns a path that may be left out as a `Path`."""
    return None if path is None else Path(path)


def compose_settings(
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    *,
    data: StrPath | None = None,
    data_root: StrPath | None = None,
    light: bool = False,
) -> Settings:
    """Composes the settings of a workflow.

    Args:
        overrides: Settings to change, such as `train.epochs=40`.
        config_dir: A folder of the user's own config groups.
        data: The data set folder; takes the place of data.dir.
        data_root: Where its pictures are now; takes the place of data.root.
        light: Do not import Hydra where there are neither overrides nor config files of the
            user's own; the defaults hold then.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.
    """
    folder = as_path(config_dir)
    if light and not overrides and len(config_folders(folder)) == 1:
        settings = Settings()
    else:
        settings = compose(overrides, folder)
    for key, path in (("data.dir", data), ("data.root", data_root)):
        if path is not None:
            settings = with_value(settings, key, os.fspath(path))
    return settings


def all_overrides(overrides: Sequence[str], data: StrPath | None) -> tuple[str, ...]:
    """Returns the overrides for the records of a run, with the data set folder among them."""
    return (*overrides, *(() if data is None else (f"data.dir={os.fspath(data)}",)))
