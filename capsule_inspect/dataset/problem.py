"""What can be wrong with the pictures of a data set."""

from dataclasses import dataclass, field

from capsule_inspect.errors import DataError


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file or a class.

    Attributes:
        path: POSIX path relative to the source; empty where it is about no single file.
        message: What is wrong, as a sentence.
        fatal: No data set is made with this file in it.
    """

    path: str
    message: str
    fatal: bool = field(kw_only=True)


class UnfitDataError(DataError):
    """Files of a data set have fatal problems.

    Attributes:
        problems: All that were found, fatal or not.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(message)
        self.problems = problems
