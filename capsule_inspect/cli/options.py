"""Options that several commands share, and composing their settings."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from capsule_inspect.settings import Settings

Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045  (Typer on 3.10 reads Optional only)
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings to change, such as train.epochs=40; --print-config shows them all.",
        show_default=False,
    ),
]
ConfigDir = Annotated[
    Optional[Path],  # noqa: UP045  (Typer on 3.10 reads Optional only)
    typer.Option("--config-dir", help="A folder of your own config groups.", show_default=False),
]
PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Print the settings as YAML and stop.")
]


def settings_from(
    overrides: list[str] | None, config_dir: Path | None, print_config: bool
) -> Settings:
    """Composes a command's settings; with `--print-config`, prints them and ends the command.

    Without overrides the defaults are returned as they are, and Hydra is not imported.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.
        typer.Exit: The settings were printed.
    """
    if not overrides and config_dir is None and not print_config:
        return Settings()
    from capsule_inspect.compose import compose, to_yaml

    settings = compose(overrides or [], config_dir)
    if print_config:
        typer.echo(to_yaml(settings), nl=False)
        raise typer.Exit
    return settings
