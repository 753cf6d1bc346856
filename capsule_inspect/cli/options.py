"""Options that several commands share, and composing their settings."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.cli.complete import complete_setting
from capsule_inspect.settings.settings import Settings

_SETTINGS = "Settings"
"""The panel of options that every command has."""


Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Settings to change, such as train.epochs=40; --print-config shows them all.",
        show_default=False,
        autocompletion=complete_setting,
    ),
]
ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir",
        help="A folder of your own config groups.",
        show_default=False,
        rich_help_panel=_SETTINGS,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config", help="Print the settings as YAML and stop.", rich_help_panel=_SETTINGS
    ),
]


DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="Where the pictures are, if they moved.",
        show_default=False,
        rich_help_panel=_SETTINGS,
    ),
]


def settings_from(
    overrides: list[str] | None,
    config_dir: Path | None,
    print_config: bool,
    data_root: Path | None = None,
    heavy: bool = False,
) -> Settings:
    """Composes a command's settings; with `--print-config`, prints them and ends the command.

    A light command without overrides and config files of the user's own takes the defaults as they
    are, and Hydra is not imported.

    Args:
        overrides: Trailing `KEY=VALUE` arguments.
        config_dir: Folder of the user's own config groups.
        print_config: Print the settings as YAML and stop.
        data_root: Where the pictures of the data set are now; takes the place of data.root.
        heavy: The command loads much anyway, so that config files are always read.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.
        typer.Exit: The settings were printed.
    """
    from capsule_inspect.config_folders import config_folders

    if not (overrides or print_config or heavy) and len(config_folders(config_dir)) == 1:
        return Settings()
    from capsule_inspect.compose import compose
    from capsule_inspect.settings.as_yaml import to_yaml

    settings = compose(overrides or [], config_dir)
    if data_root is not None:
        settings = replace(settings, data=replace(settings.data, root=str(data_root)))
    if print_config:
        typer.echo(to_yaml(settings), nl=False)
        raise typer.Exit
    return settings
