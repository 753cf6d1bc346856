"""`capsule-inspect review`: judge the results of a batch in a browser."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.cli.options import Host, NoToken, Port, TokenFile
from capsule_inspect.errors import UsageError
from capsule_inspect.serving.options import (
    DEFAULT_HOST,
    ServeOptions,
    read_token,
    require_access_rule,
)
from capsule_inspect.text import command_line, counted, on_one_line

_PORT = 8001
"""Beside that of `serve`. It is the same each time, so that an open page goes on after a crash."""


def review(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="A results folder of predict.")
    ],
    reviewer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who judges; by default your login name. The page can change it.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="Offer a class of defects that the model does not know; once for each.",
            show_default=False,
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open the page in a browser.")
    ] = False,
    host: Host = DEFAULT_HOST,
    port: Port = _PORT,
    token_file: TokenFile = None,
    no_token: NoToken = False,
) -> None:
    """Judge the results of a batch in a browser: doubtful pictures first, by keys.

    Each judgement is stored in corrections.csv in RESULTS before the next picture is shown, so a
    crash loses none; the same command goes on. `prepare --add` takes them into a data set. Ctrl-C
    ends it.

    Examples:
        capsule-inspect review results
        capsule-inspect review results --reviewer Anna --no-browser
    """
    require_access_rule(host, token_file is not None, no_token)
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.workflows import review as workflow

    options = ServeOptions(
        host=host, port=port, token=None if token_file is None else read_token(token_file)
    )
    terminal = Terminal()

    def announce(address: str) -> None:
        terminal.say(f"Ready: {address}")
        if not no_browser:
            _open(address)

    done = workflow.review(
        results,
        options,
        reviewer=_login_name() if reviewer is None else _name(reviewer),
        classes=classes or (),
        on_ready=announce,
        reporter=terminal,
    )
    new = [word for name in classes or () for word in ("--class", name)]
    terminal.say(
        f"{counted(done.made, 'line')} added to {done.corrections}; {done.judged} of {done.items} "
        f"judged. Next: {command_line('prepare', '--add', results, 'DATA', *new)}"
    )


def _name(reviewer: str) -> str:
    name = on_one_line(reviewer).strip()
    if not 0 < len(name) <= 100:
        raise UsageError("--reviewer needs a name of 1 to 100 characters.")
    return name


def _login_name() -> str:
    import getpass

    try:
        return _name(getpass.getuser())
    except (OSError, KeyError, ImportError, UsageError):  # a container may know no names
        raise UsageError("This system does not tell your name. Give --reviewer NAME.") from None


def _open(address: str) -> None:
    """Opens the page where there is a desktop; a browser in the terminal would hide the address."""
    has_desktop = sys.platform in {"win32", "darwin"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_desktop:
        import webbrowser
        from threading import Thread

        Thread(target=webbrowser.open, args=(address,), daemon=True).start()
