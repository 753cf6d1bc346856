"""Speak to the terminal and the log file, and show progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from capsule_inspect.errors import CapsuleInspectError, UsageError
from capsule_inspect.text import on_one_line

if TYPE_CHECKING:
    import logging


results = Console(highlight=False, soft_wrap=True)
"""Data a person or a program asked for."""

messages = Console(stderr=True, highlight=False)
"""Progress, notes and errors, broken between words on a terminal and nowhere else."""

messages.soft_wrap = not messages.is_terminal

_logs: list["logging.Logger"] = []


def say(sentence: str) -> None:
    """Writes a sentence for the person at the terminal."""
    messages.print(_spell(sentence))
    note(sentence)


def warn(sentence: str) -> None:
    """Writes a warning for the person at the terminal."""
    messages.print(f"[bold yellow]Warning:[/] {_spell(sentence)}")
    for log in _logs:
        log.warning(sentence)


def complain(sentence: str) -> None:
    """Writes an error for the person at the terminal."""
    messages.print(f"[bold red]Error:[/] {_spell(sentence)}")


def _spell(sentence: str) -> str:
    """Escapes Rich's markup, and what a file name could tell the terminal to do."""
    return escape("\n".join(map(on_one_line, sentence.split("\n"))))


def note(sentence: str) -> None:
    """Writes a sentence to the log file alone, if there is one."""
    for log in _logs:
        log.info(sentence)


@contextmanager
def speaking(quiet: bool = False, log_file: Path | None = None) -> Iterator[None]:
    """Has messages kept off the terminal, or written to a log file as well, for a while.

    Args:
        quiet: Show errors only.
        log_file: What messages are appended to, each with its time.

    Raises:
        UsageError: The log file cannot be written.
    """
    with _quiet(quiet), _logging(log_file):
        yield


@contextmanager
def _quiet(quiet: bool) -> Iterator[None]:
    messages.quiet = quiet
    try:
        yield
    finally:
        messages.quiet = False


@contextmanager
def _logging(log_file: Path | None) -> Iterator[None]:
    if log_file is None:
        yield
        return
    import logging

    class Handler(logging.FileHandler):
        """Ends the command with a sentence where the log cannot be written."""

        def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
            self.stream = None  # or closing it would try to write again
            raise UsageError(f"The log file '{log_file}' cannot be written any more.")

    try:
        handler = Handler(log_file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"The log file '{log_file}' cannot be written: {error.strerror}."
        ) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.Logger("capsule-inspect", logging.INFO)
    log.addHandler(handler)
    _logs.append(log)
    try:
        yield
    except CapsuleInspectError as error:
        log.error(str(error))
        raise
    finally:
        _logs.remove(log)
        handler.close()


class RateColumn(ProgressColumn):
    """How many are done in a second, such as `12.3 pictures/s`.

    Args:
        unit: What is counted, in the plural.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Returns the rate; nothing until one is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else "", style="progress.data.speed")


def progress_bar(unit: str = "pictures") -> Progress:
    """Makes a bar with a count, the rate and the time left; it vanishes when done.

    Args:
        unit: What is counted, in the plural.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        RateColumn(unit),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=messages,
        transient=True,
        expand=True,
        disable=not messages.is_terminal or messages.is_dumb_terminal,
        redirect_stdout=False,  # rows of --json are data for a program, not lines above the bar
    )


@contextmanager
def watch_pictures(total: int, verb: str) -> Iterator[Callable[[], None]]:
    """Shows a bar over pictures.

    Args:
        total: How many pictures there are.
        verb: What is being done to them.

    Yields:
        What to call after each picture.
    """
    with progress_bar() as bar:
        task = bar.add_task(verb, total=total)
        yield lambda: bar.advance(task)
