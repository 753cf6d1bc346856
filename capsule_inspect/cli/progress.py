"""Progress bars: on stderr, and only where a person sits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from capsule_inspect.cli.console import messages


def progress_bar() -> Progress:
    """Makes a bar with a count and the time left; it vanishes when done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=messages,
        transient=True,
        disable=not messages.is_terminal,
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
