"""What is told of a run in a list of runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

State: TypeAlias = Literal["finished", "unfinished", "damaged"]

COMMANDS = ("train", "tune", "evaluate", "predict")
"""The commands that leave runs."""


@dataclass(frozen=True)
class Figure:
    """A number that a run came to.

    Attributes:
        name: A metric's name, or `score` of a search.
        value: The value; finite.
        n: On how many pictures it was measured; None where that is not stored.
    """

    name: str
    value: float
    n: int | None = None


@dataclass(frozen=True)
class Findings:
    """What the files of a run say.

    Attributes:
        state: How far it came; None where its files do not tell.
        note: How far in numbers, or what is damaged, for people; may be empty.
        measured_on: What the figures were measured on, for people; empty without figures.
        figures: What was measured.
        counts: How many of what there are, such as `epochs` or `trials`.
    """

    state: State | None
    note: str = ""
    measured_on: str = ""
    figures: tuple[Figure, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        path: Its folder.
        command: One of `COMMANDS`; empty where that cannot be told any more.
        began: When it began, with the time zone.
        name: What it is about; the folder's name where that does not begin with a time.
        findings: What its files say.
    """

    path: Path
    command: str
    began: datetime
    name: str
    findings: Findings

    def value(self, metric: str) -> float | None:
        """Returns a figure by name; None if the run has none of that name."""
        return next((each.value for each in self.findings.figures if each.name == metric), None)
