"""The reporter: takes the sentences and the progress of running work."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol


class Advance(Protocol):
    """Counts work that is done."""

    def __call__(self, done: int = 1, /, description: str = "") -> None:
        """Counts work as done.

        Args:
            done: The amount done since the last call; at least 0.
            description: The work from now on; empty to keep the description.
        """


class Reporter(Protocol):
    """Takes sentences and progress.

    The command line has one that writes to the terminal and to the log file. Python callers get
    `SILENT` unless they pass one of their own.
    """

    def say(self, sentence: str) -> None:
        """Takes a sentence on the work."""

    def warn(self, sentence: str) -> None:
        """Takes a warning."""

    def note(self, sentence: str) -> None:
        """Takes a sentence for the log alone."""

    def progress(
        self, total: int, description: str, unit: str = "pictures"
    ) -> AbstractContextManager[Advance]:
        """Follows work of a known amount.

        Args:
            total: The amount of work, in units.
            description: The work, such as `Inspecting`.
            unit: The unit, in the plural.

        Returns:
            A context manager that lasts as long as the work and yields the function that counts it.
        """
        ...


class _Silent:
    def say(self, sentence: str) -> None:
        """Ignores the sentence."""

    def warn(self, sentence: str) -> None:
        """Ignores the sentence."""

    def note(self, sentence: str) -> None:
        """Ignores the sentence."""

    @contextmanager
    def progress(self, total: int, description: str, unit: str = "pictures") -> Iterator[Advance]:
        """Ignores the progress."""
        del total, description, unit
        yield _count_nothing


def _count_nothing(done: int = 1, /, description: str = "") -> None:
    del done, description


SILENT: Final[Reporter] = _Silent()
"""Ignores everything."""


@dataclass(frozen=True)
class Prefixed:
    """Puts a name before every sentence, where several runs share a reporter.

    Attributes:
        reporter: Takes the sentences.
        name: The name.
    """

    reporter: Reporter
    name: str

    def say(self, sentence: str) -> None:
        """Passes the sentence on."""
        self.reporter.say(f"{self.name}: {sentence}")

    def warn(self, sentence: str) -> None:
        """Passes the sentence on."""
        self.reporter.warn(f"{self.name}: {sentence}")

    def note(self, sentence: str) -> None:
        """Passes the sentence on."""
        self.reporter.note(f"{self.name}: {sentence}")

    def progress(
        self, total: int, description: str, unit: str = "pictures"
    ) -> AbstractContextManager[Advance]:
        """Passes the progress on."""
        return self.reporter.progress(total, description, unit)
