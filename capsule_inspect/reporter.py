"""The reporter: how work in progress speaks to whoever started it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol


class Advance(Protocol):
    """Counts work that is done."""

    def __call__(self, done: int = 1, /, description: str = "") -> None:
        """Counts some more.

        Args:
            done: How much more is done; at least 0.
            description: What is being done from now on; empty to leave the description as it is.
        """


class Reporter(Protocol):
    """Takes sentences and progress.

    The command line has one that writes to the terminal and to the log file. Python callers get
    `SILENT` unless they pass one of their own.
    """

    def say(self, sentence: str) -> None:
        """Takes a sentence on what goes on."""

    def warn(self, sentence: str) -> None:
        """Takes a sentence on what may be wrong."""

    def note(self, sentence: str) -> None:
        """Takes a sentence for the log alone."""

    def progress(
        self, total: int, description: str, unit: str = "pictures"
    ) -> AbstractContextManager[Advance]:
        """Follows work of a known amount.

        Args:
            total: How much there is to do.
            description: What is being done, such as `Inspecting`.
            unit: What is counted, in the plural.

        Returns:
            A context that lasts as long as the work, and yields what counts it.
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
