"""The terminal: results, messages, progress bars and the log file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
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
from capsule_inspect.reporter import Advance
from capsule_inspect.text import on_one_line

_LOG = logging.getLogger("capsule_inspect")
_LOG.setLevel(logging.INFO)
_LOG.propagate = False
_LOG.addHandler(logging.NullHandler())


def _results() -> Console:
    return Console(highlight=False, soft_wrap=True, emoji=False)


def _messages(quiet: bool = False) -> Console:
    console = Console(stderr=True, highlight=False, quiet=quiet, emoji=False)
    console.soft_wrap = not console.is_terminal  # between words on a terminal and nowhere else
    return console


@dataclass(frozen=True)
class Terminal:
    """The terminal of one command; a `Reporter`.

    Attributes:
        results: The console for data that a person or a program asked for: stdout.
        messages: The console for sentences and bars: stderr.
    """

    results: Console = field(default_factory=_results)
    messages: Console = field(default_factory=_messages)

    def say(self, sentence: str) -> None:
        """Writes a sentence for the person at the terminal, and to the log."""
        self.messages.print(Text(_plain(sentence)))
        self.note(sentence)

    def warn(self, sentence: str) -> None:
        """Writes a warning for the person at the terminal, and to the log."""
        self.mark("Warning", "bold yellow", sentence)
        _LOG.warning(_one_line(sentence))

    def note(self, sentence: str) -> None:
        """Writes a sentence to the log alone."""
        _LOG.info(_one_line(sentence))

    def complain(self, sentence: str) -> None:
        """Writes an error for the person at the terminal."""
        self.mark("Error", "bold red", sentence)

    def mark(self, word: str, style: str, sentence: str) -> None:
        """Writes a sentence for the person at the terminal, with a coloured word before it.

        Args:
            word: The word, such as `Problem`.
            style: Its colour, as Rich names it.
            sentence: The sentence.
        """
        self.messages.print(Text.assemble((f"{word}:", style), " ", _plain(sentence)))

    @contextmanager
    def progress(self, total: int, description: str, unit: str = "pictures") -> Iterator[Advance]:
        """Shows a bar with a count, the rate and the time left; it vanishes when done.

        Args:
            total: The amount of work, in units.
            description: The work, such as `Inspecting`.
            unit: The unit, in the plural.
        """
        with self._bar(unit) as bar:
            task = bar.add_task(description, total=total)

            def advance(done: int = 1, /, description: str = "") -> None:
                if description:
                    bar.update(task, description=description)
                bar.advance(task, done)

            yield advance

    def _bar(self, unit: str) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            RateColumn(unit),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self.messages,
            transient=True,
            expand=True,
            disable=not self.messages.is_terminal or self.messages.is_dumb_terminal,
            redirect_stdout=False,  # rows of --json are data for a program, not lines above the bar
        )


def _plain(sentence: str) -> str:
    """Replaces characters of a file name that no terminal or log should show."""
    return "\n".join(map(on_one_line, sentence.split("\n")))


def _one_line(sentence: str) -> str:
    """Keeps an entry of the log on one line, so that no file name can write one of its own."""
    return on_one_line(" ".join(sentence.splitlines()))


@contextmanager
def open_terminal(quiet: bool = False, log_file: Path | None = None) -> Iterator[Terminal]:
    """Yields a terminal that may be quiet, and may write to a log file as well.

    Args:
        quiet: Show errors only.
        log_file: Append messages to this file, each with its time.

    Raises:
        UsageError: The log file cannot be written.
    """
    terminal = Terminal(messages=_messages(quiet))
    if log_file is None:
        yield terminal
        return
    try:
        handler = _LogFile(log_file, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The log file '{log_file}' cannot be written: {error.strerror}."
        ) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _LOG.addHandler(handler)
    try:
        yield terminal
    except CapsuleInspectError as error:
        _LOG.error(_one_line(str(error)))
        raise
    finally:
        _LOG.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Ends the command with a sentence; logging itself would print a traceback and continue."""
        del record
        with suppress(OSError):  # closing tries to write once more
            self.close()
        raise UsageError(f"The log file '{self.baseFilename}' cannot be written any more.")


class RateColumn(ProgressColumn):
    """Shows the rate, such as `12.3 pictures/s`.

    Args:
        unit: The unit, in the plural.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Returns the rate; nothing until one is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else "", style="progress.data.speed")
