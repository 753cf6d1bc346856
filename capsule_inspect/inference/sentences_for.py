"""Errors of writing results, as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capsule_inspect.errors import UsageError


@contextmanager
def sentences_for(out: Path) -> Iterator[None]:
    """Turns errors of writing into sentences.

    Args:
        out: The results folder, named where an error does not say what could not be written.

    Raises:
        UsageError: Something could not be written.
    """
    try:
        yield
    except OSError as error:
        where, reason = error.filename or out, error.strerror or error
        raise UsageError(
            f"'{where}' cannot be written: {reason}. Make room and go on with --resume, or name "
            "another folder with -o; rows written so far are whole."
        ) from error
