"""Progress bars: on stderr, and only where a person sits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

from capsule_inspect.cli.console import messages


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
