"""Streams of the terminal that take any text, and whose readers may leave."""

import os
import sys
from io import TextIOWrapper


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
