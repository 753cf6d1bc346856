"""A command for each defect, such as one that switches an ejector. It never stops the watch."""

import queue
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.inference.records import Record
from capsule_inspect.watching.counts import is_alarm
from capsule_inspect.watching.examine import Examined

_LIMIT: Final = 30.0
"""Seconds after which a command is killed."""

_MOST_WAITING: Final = 1000
"""Defects that wait for the command; more are dropped, and somebody is told."""


@dataclass(frozen=True)
class Defect:
    """What the command is told.

    Attributes:
        path: The picture.
        label: The class of the defect, or `no_capsule`.
        score: The defect score; 1 without a capsule.
        row: The row as JSON.
    """

    path: str
    label: str
    score: float
    row: str


def defects_of(records: Iterable[Record], classes: Sequence[str]) -> list[Defect]:
    """Returns the defects among the rows of a picture; one without a capsule counts as one."""
    return [
        Defect(
            path=each.path,
            label=each.label or NO_CAPSULE,
            score=1.0 if each.defect_score is None else each.defect_score,
            row=each.to_json(classes),
        )
        for each in records
        if is_alarm(each)
    ]


class DefectCommand:
    """Runs a command for each defect, one at a time, in a thread of its own.

    Args:
        words: The command; no shell sees it.
        classes: Class names in the model's order.
        warn: Told in a sentence when it fails; from that thread.
        limit: Seconds after which it is killed.
    """

    def __init__(
        self,
        words: Sequence[str],
        classes: Sequence[str],
        warn: Callable[[str], None],
        limit: float = _LIMIT,
    ) -> None:
        self._words, self._classes = tuple(words), tuple(classes)
        self._warn, self._limit = warn, limit
        self._waiting: queue.Queue[Defect | None] = queue.Queue(_MOST_WAITING + 1)
        self._is_behind = False
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._left = 0
        self._thread = threading.Thread(target=self._run, name="on-defect", daemon=True)
        self._thread.start()

    def before(self, number: int, found: Examined) -> None:
        """Waits until the rows are on the disk."""

    def after(self, count: int, records: Sequence[Record]) -> None:
        """Has the command run for each defect among the rows of a picture; returns at once."""
        del count
        for defect in defects_of(records, self._classes):
            self._put(defect)

    def _put(self, defect: Defect) -> None:
        if self._waiting.qsize() >= _MOST_WAITING:
            if not self._is_behind:
                self._warn(
                    f"The command {self._words[0]} is too slow: {_MOST_WAITING} defects wait for "
                    "it, so it is not told of the next ones."
                )
            self._is_behind = True
            return
        self._is_behind = False
        self._waiting.put(defect)

    def close(self, seconds: float) -> int:
        """Ends once it has run for all, or when the time is over; then kills what runs.

        Args:
            seconds: The time.

        Returns:
            For how many defects it has not run.
        """
        self._waiting.put(None)
        self._thread.join(seconds)
        self._is_over = True
        if (process := self._process) is not None:
            process.kill()
        self._thread.join()
        return self._left

    def _run(self) -> None:
        while (defect := self._waiting.get()) is not None:
            if self._is_over:
                self._left += 1
            else:
                self._tell(defect)

    def _tell(self, defect: Defect) -> None:
        failed = self._fail(defect)
        if failed:
            self._warn(f"The command {self._words[0]} {failed}; it was told of '{defect.path}'.")

    def _fail(self, defect: Defect) -> str:
        """Runs the command for a defect; returns how it failed."""
        arguments = [*self._words, defect.path, defect.label, f"{defect.score:g}"]
        try:
            with subprocess.Popen(  # noqa: S603  (the user's own command, without a shell)
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process:
                self._process = process
                try:
                    process.communicate(defect.row.encode(), timeout=self._limit)
                except subprocess.TimeoutExpired:
                    process.kill()
                    return f"was killed after {self._limit:g} s"
                finally:
                    self._process = None
        except (OSError, ValueError) as error:
            return f"cannot be started: {getattr(error, 'strerror', None) or error}"
        if self._is_over and process.returncode:
            return "was killed, since the watch ends"
        return f"ended with code {process.returncode}" if process.returncode else ""
