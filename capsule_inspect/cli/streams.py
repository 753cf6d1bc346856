"""Streams of the terminal that take any text, and whose readers may leave."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

_STDERR = 2
"""The number that C libraries write to."""


class PatientStream(TextIOWrapper):
    """A stream that goes nowhere once its reader has left, as `head` leaves a pipe.

    The printing ends then, not the work.
    """

    def write(self, text: str, /) -> int:
        """Writes a text, or drops it; returns its length."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._go_nowhere()
            return len(text)

    def flush(self) -> None:
        """Hands on what was written, or drops it."""
        try:
            super().flush()
        except BrokenPipeError:
            self._go_nowhere()

    def _go_nowhere(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def make_patient() -> None:
    """Replaces stdout and stderr by patient streams.

    They escape characters that they cannot encode, such as those of file names.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is TextIOWrapper:  # not where a test or a notebook has put its own
            encoding, lines = stream.encoding, stream.line_buffering
            patient = PatientStream(
                stream.detach(), encoding, "backslashreplace", line_buffering=lines
            )
            setattr(sys, name, patient)
            setattr(sys, f"__{name}__", patient)


@contextmanager
def without_library_lines() -> Iterator[None]:
    """Keeps off stderr what C libraries print there, such as libpng's warnings of odd profiles.

    What this program says still appears. Pictures that a library cannot read are told in their row.
    """
    before = sys.stderr
    if not _is_stderr(before):  # a test or a notebook has put its own
        yield
        return
    before.flush()
    ours, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    own = PatientStream(os.fdopen(ours, "wb"), before.encoding, before.errors, line_buffering=True)
    sys.stderr = own
    try:
        yield
    finally:
        own.flush()
        os.dup2(ours, _STDERR)
        sys.stderr = before
        own.close()


def _is_stderr(stream: object) -> bool:
    try:
        return isinstance(stream, TextIOWrapper) and stream.fileno() == _STDERR
    except OSError:
        return False
