"""Ctrl-C and SIGTERM: the first stops a command in order, a second one at once."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from capsule_inspect.errors import InterruptedRunError

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
"""Process managers, `docker stop` and `timeout` send the second."""

_ONE_WISH: Final = 0.5
"""Seconds within which further signals are the first again: a key pressed twice in a hurry, or a
launcher that hands on what the terminal has sent to all."""


class Stops:
    """Counts the signals that ask a command to stop."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._began = 0.0

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Raises KeyboardInterrupt at the first signal; ends the process at the second.

        What commands write appears whole or not at all, so ending at once leaves nothing to repair.
        """
        if self._first is not None:
            if time.monotonic() - self._began < _ONE_WISH:
                return
            os.write(sys.stderr.fileno() if sys.stderr else 2, b"Stopped at once.\n")
            os._exit(128 + number)
        self._first, self._began = number, time.monotonic()
        raise KeyboardInterrupt

    @property
    def exit_code(self) -> int:
        """The exit code of a command that was stopped: 128 and the number of the signal."""
        return 128 + (signal.SIGINT if self._first is None else self._first)


@contextmanager
def answer_signals() -> Iterator[Stops]:
    """Answers both signals while a command runs.

    A signal that the parent process has set aside stays so: shells do that with Ctrl-C for what
    they start in the background.
    """
    stops, before = Stops(), {}
    if threading.current_thread() is threading.main_thread():
        for number in _STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stops.receive)
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into the error that ends the command in order.

    Raises:
        InterruptedRunError: The user stopped the command before it had begun what can be resumed.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError("Stopped.") from None
