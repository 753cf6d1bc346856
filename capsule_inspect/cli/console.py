"""Where the commands speak: results to stdout, messages to stderr."""

from rich.console import Console
from rich.markup import escape

results = Console(highlight=False, soft_wrap=True)
"""Data a person or a program asked for."""

messages = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, notes and errors."""


def say(sentence: str) -> None:
    """Writes a sentence for the person at the terminal."""
    messages.print(escape(sentence))


def warn(sentence: str) -> None:
    """Writes a warning for the person at the terminal."""
    messages.print(f"[bold yellow]Warning:[/] {escape(sentence)}")


def complain(sentence: str) -> None:
    """Writes an error for the person at the terminal."""
    messages.print(f"[bold red]Error:[/] {escape(sentence)}")
