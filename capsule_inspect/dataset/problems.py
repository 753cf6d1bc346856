"""The problems of a data set's files, and how people are told of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from capsule_inspect.errors import DataError


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file or a class.

    Attributes:
        path: POSIX path relative to the source; empty if the problem is with the whole set.
        message: The problem, as a sentence.
        fatal: The file cannot be part of a data set.
    """

    path: str
    message: str
    fatal: bool = field(kw_only=True)


class UnfitDataError(DataError):
    """Files of a data set have fatal problems.

    Attributes:
        problems: All problems found, fatal or not.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(message)
        self.problems = problems


@dataclass(frozen=True)
class Remark:
    """A line about a problem, or about all warnings in the same words.

    Attributes:
        place: The path, or a count with a few paths; empty if it is about the whole set.
        message: The problem, as a sentence.
        fatal: The file cannot be part of a data set.
    """

    place: str
    message: str
    fatal: bool


_NAMED = 3
"""The paths that a remark names at most."""


def remark_on(problems: Iterable[Problem]) -> list[Remark]:
    """Returns the remarks on problems: the warnings first, each sentence once, then the fatal ones.

    Args:
        problems: All problems, in the order to keep.
    """
    warnings: dict[str, list[str]] = {}
    fatal = []
    for problem in problems:
        if problem.fatal:
            fatal.append(Remark(problem.path, problem.message, fatal=True))
        else:
            warnings.setdefault(problem.message, []).append(problem.path)
    said = [Remark(_place(paths), message, fatal=False) for message, paths in warnings.items()]
    return [*said, *fatal]


def _place(paths: list[str]) -> str:
    named = ", ".join(paths[:_NAMED])
    return named if len(paths) <= _NAMED else f"{len(paths)} files, such as {named}"
