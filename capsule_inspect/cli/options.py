"""Options that several commands share, with their completion."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from capsule_inspect.choices import SCHEDULER_VARIABLE, OverlayChoice, RuntimeName
from capsule_inspect.errors import UsageError
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import OPTIONS, keys

if TYPE_CHECKING:
    from capsule_inspect.files import StrPath


def complete_setting(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes `KEY=VALUE`: a key, or the option of a group such as `model=`.

    Bash splits words at `=` and completes the part after it alone, and Typer drops a final `=`. So
    a group's name without a value is completed with its options. Any other empty word gets no
    offers, so that the shell offers files.

    Args:
        ctx: The words before, parsed.
        incomplete: The word typed so far.
    """
    settings = ctx.params.get("overrides") or ()
    before = [*settings, *(ctx.params.get("inputs") or ())]
    if len(before) > 1 and before[-1] == "=":
        return _options(before[-2], incomplete)
    if not incomplete:
        return _options(settings[-1], "") if settings else []
    group, equals, option = incomplete.partition("=")
    if equals:
        return [f"{group}={name}" for name in _options(group, option)]
    return [f"{key}=" for key in _settable() if key.startswith(incomplete)]


def complete_split(incomplete: str) -> list[str]:
    """Completes the name of a split, or `all`."""
    from capsule_inspect.choices import SPLITS_AND_ALL

    return [name for name in SPLITS_AND_ALL if name.startswith(incomplete)]


def _options(group: str, start: str) -> list[str]:
    from capsule_inspect.settings.config_folders import config_folders, group_options

    return [name for name in group_options(group, config_folders()) if name.startswith(start)]


def _settable() -> list[str]:
    """Returns the keys to offer: plain settings without an option, and groups."""
    known = ["experiment", *keys(Settings())]
    inner = {key.rpartition(".")[0] for key in known}
    return [key for key in known if key not in OPTIONS and ("." not in key or key not in inner)]


_SETTINGS = "Settings"
"""The panel of options that every command has."""

_DATA = "Data set"

DECISION, SPEED = "Decision", "Speed"
"""The panels of the commands that inspect pictures."""


def settings_argument(example: str) -> Any:
    """Declares the trailing `KEY=VALUE` arguments of a command.

    Args:
        example: A setting that this command reads, such as `train.epochs=40`.
    """
    return typer.Argument(
        metavar="KEY=VALUE",
        help=f"Settings to change, such as {example}. --print-config lists all settings.",
        show_default=False,
        autocompletion=complete_setting,
    )


ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir",
        help="A folder with your own config groups.",
        show_default=False,
        rich_help_panel=_SETTINGS,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config", help="Print the settings as YAML and exit.", rich_help_panel=_SETTINGS
    ),
]

NETWORK = "Network"
"""The panel of the options of commands that listen."""

Host = Annotated[
    str,
    typer.Option(
        "--host",
        help="The address to listen on. One that other machines can reach needs --token-file "
        "or --no-token.",
        rich_help_panel=NETWORK,
    ),
]
Port = Annotated[
    int,
    typer.Option(
        "-p",
        "--port",
        min=0,
        max=65535,
        help="The port; 0 takes a free one.",
        rich_help_panel=NETWORK,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="A file with the token that requests must show.",
        show_default=False,
        rich_help_panel=NETWORK,
    ),
]
NoToken = Annotated[
    bool,
    typer.Option(
        "--no-token", help="Serve everyone who reaches the address.", rich_help_panel=NETWORK
    ),
]

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The data set folder that `prepare` wrote.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="The folder of the pictures, if they have moved.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]


Model = Annotated[
    Path | None,
    typer.Option(
        help="A model file from export-tflite, in place of the shipped model.",
        rich_help_panel=DECISION,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        help="A capsule with at least this defect score is defective. The default is in the model.",
        rich_help_panel=DECISION,
    ),
]
Bits = Annotated[
    int | None,
    typer.Option(
        metavar="9..16",
        help="The bits that the camera uses of pictures of 16. The default is what a file says, or "
        "16.",
        show_default=False,
        rich_help_panel=DECISION,
    ),
]
ModelRuntime = Annotated[
    RuntimeName,
    typer.Option(
        metavar="NAME",
        help="The runtime for the model: auto, ai-edge-litert or tflite-runtime.",
        rich_help_panel=SPEED,
    ),
]


def jobs_option(default: str) -> Any:
    """Declares the option for how many pictures to inspect at the same time.

    Args:
        default: How many by default, in words.
    """
    return typer.Option(
        "-j",
        "--jobs",
        min=1,
        help=f"Pictures to inspect at the same time; by default {default}.",
        show_default=False,
        rich_help_panel=SPEED,
    )


def scheduler_option(sentence: str, panel: str | None = None) -> Any:
    """Declares the option that names a Dask scheduler.

    Args:
        sentence: What its workers do.
        panel: The heading of the option.
    """
    return typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        envvar=SCHEDULER_VARIABLE,
        help=sentence,
        show_default=False,
        rich_help_panel=panel,
    )


def print_settings(
    overrides: Sequence[str] | None,
    config_dir: Path | None,
    command: str = "",
    **options: "StrPath | None",
) -> NoReturn:
    """Prints the settings of a command as YAML and ends the command, for `--print-config`.

    Args:
        overrides: Trailing `KEY=VALUE` arguments.
        config_dir: Folder of the user's own config groups.
        command: The group of settings that the command has options of, besides those of `data`.
        **options: The options that stand for settings, by their names in Python.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.
        UsageError: An override contradicts its option.
        typer.Exit: The settings were printed.
    """
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.settings.yaml_text import to_yaml
    from capsule_inspect.workflows.arguments import compose_settings, options_of

    given = options_of(command, **options)
    settings = compose_settings(overrides or (), config_dir, given, reporter=Terminal())
    typer.echo(to_yaml(settings), nl=False)
    raise typer.Exit


_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.]*=")


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits arguments into inputs and overrides; `KEY=VALUE` is an input if it is a file."""
    overrides = [a for a in arguments if _OVERRIDE.match(a) and not os.path.lexists(a)]
    return [a for a in arguments if a not in overrides], overrides


RESULTS, MESSAGES = "Results", "Messages"
"""The headings of options for what is written, and for what is said."""

Overlays = Annotated[
    OverlayChoice,
    typer.Option(
        help="Which pictures get an overlay: a copy with the findings drawn in.",
        rich_help_panel=RESULTS,
    ),
]
Masks = Annotated[
    bool, typer.Option("--masks", help="Write the defects as PNG masks.", rich_help_panel=RESULTS)
]
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="Print errors only.", rich_help_panel=MESSAGES),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Print the model, the runtime, the threshold and the expected errors.",
        rich_help_panel=MESSAGES,
    ),
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        help="Append all messages and warnings to this file.",
        show_default=False,
        rich_help_panel=MESSAGES,
    ),
]


def refuse_log_inside(out: Path | None, log_file: Path | None) -> None:
    """Raises UsageError where the log file would lie in the results folder."""
    if out and log_file and out.resolve() in log_file.resolve().parents:
        raise UsageError(
            f"The log file '{log_file}' is in the results folder. Choose another place."
        )
