"""Share a run with the workers of a cluster: ask them to take part, and replace those that die."""

import math
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from capsule_inspect.cluster.connect import connect
from capsule_inspect.cluster.model_on_workers import answers, require_versions
from capsule_inspect.cluster.presence import Presence
from capsule_inspect.cluster.take_part import Invitation, Outcome, find_obstacle, take_part
from capsule_inspect.errors import ClusterError
from capsule_inspect.folder_lock import FolderLock
from capsule_inspect.reporter import Advance, Reporter

if TYPE_CHECKING:
    from distributed import Client

_LOOK: Final = 0.5
"""Seconds between two looks at the tasks."""
_LINGER: Final = 120.0
"""Seconds after which a file server has let go of the locks of a machine that died."""
_AGAIN: Final = 10.0
"""Seconds between two tries to take up what a dead worker may still lock."""
_LOSSES: Final = 5
"""Losses for each thread, with nothing finished between them, after which to give up."""


@dataclass(frozen=True)
class Parts:
    """The parts of a run, each of which one process does.

    Attributes:
        unit: What they are called, in the plural.
        total: How many there are.
        done: Counts those that are finished.
    """

    unit: str
    total: int
    done: Callable[[], int]


@contextmanager
def held_folder(run: Path) -> Iterator[Path]:
    """Makes a hidden folder in a run folder, and holds its lock meanwhile.

    Args:
        run: The run folder.
    """
    with tempfile.TemporaryDirectory(
        prefix=".shared-", dir=run, ignore_cleanup_errors=True
    ) as folder:
        Path(folder).chmod(0o777)  # workers may belong to another user of a group
        with FolderLock(Path(folder)):
            yield Path(folder)


def share_run(
    scheduler: str, jobs: int, invitation: Invitation, parts: Parts, reporter: Reporter
) -> None:
    """Lets workers work on a run until nothing is left that nobody works on.

    Args:
        scheduler: `local`, or an address.
        jobs: How many worker processes to start for `local`.
        invitation: What workers need to know.
        parts: What there is to do.
        reporter: Follows the progress.

    Raises:
        ClusterError: No scheduler answers, no worker is left or fit to take part, what a worker
            does fails, or workers die again and again.
    """
    with connect(scheduler, jobs, reporter) as client:
        require_versions(client)
        found = client.run(find_obstacle, invitation, on_error="return")
        for worker, obstacle in answers(found, str).items():
            if obstacle:
                raise ClusterError(f"The worker {worker} {obstacle}")
        reporter.say(f"The workers share {parts.total} {parts.unit} in {invitation.run}.")
        sharing = _Sharing(client, invitation, parts, reporter)
        with reporter.progress(parts.total, "Training", parts.unit) as advance:
            sharing.run(advance)


@dataclass(frozen=True)
class _Task:
    """What one thread of a worker was asked to do."""

    worker: str
    began: float
    future: Any


class _Sharing:
    """One task for each thread, each bound to its worker.

    A task of a dead worker is not handed on: what it left undone is taken up by whoever comes next,
    as the locks in the run folder say.
    """

    def __init__(
        self, client: "Client", invitation: Invitation, parts: Parts, reporter: Reporter
    ) -> None:
        self._client, self._invitation, self._parts = client, invitation, parts
        self._reporter = reporter
        self._presence = Presence(client, reporter)
        self._name = f"take-part-{uuid.uuid4().hex}"
        self._numbers = count()
        self._tasks: list[_Task] = []
        self._done = 0
        self._losses, self._lost_at = 0, -math.inf
        self._is_exhausted = False
        self._asks_at = 0.0

    def run(self, advance: Advance) -> None:
        try:
            while True:
                threads = self._presence.threads()
                self._look_at_tasks(threads)
                self._count(advance)
                if self._done >= self._parts.total or self._is_exhausted:
                    if not self._tasks:
                        return
                else:
                    self._invite(threads)
                time.sleep(_LOOK)
        finally:
            for task in self._tasks:
                task.future.release()

    def _count(self, advance: Advance) -> None:
        done = self._parts.done()
        if done > self._done:
            advance(done - self._done)
            self._done, self._losses = done, 0

    def _look_at_tasks(self, threads: Mapping[str, int]) -> None:
        for task in tuple(self._tasks):
            if task.future.done():
                outcome = self._outcome(task)
            elif task.worker not in threads:
                outcome = Outcome("lost")
            else:
                continue
            self._tasks.remove(task)
            task.future.release()
            self._take_in(task, outcome, sum(threads.values()))

    def _outcome(self, task: _Task) -> Outcome:
        from distributed import KilledWorker

        try:
            outcome: Outcome = task.future.result()
        except KilledWorker:
            return Outcome("lost")
        except CancelledError:
            raise self._presence.lost() from None
        return outcome

    def _take_in(self, task: _Task, outcome: Outcome, threads: int) -> None:
        if outcome.state == "failed":
            raise ClusterError(f"The worker {task.worker} {outcome.problem}")
        now = time.monotonic()
        if outcome.state == "done":
            # Where a worker died, its locks may outlive it, and the task found them.
            self._is_exhausted = task.began > self._lost_at + _LINGER
            self._asks_at = now + _AGAIN
            return
        self._reporter.warn(
            f"The worker {task.worker} lost what it did. Others take it up where it was saved."
        )
        self._losses, self._lost_at, self._is_exhausted = self._losses + 1, now, False
        if self._losses > _LOSSES * max(1, threads):
            raise ClusterError(
                f"Workers died {self._losses} times without finishing one of the "
                f"{self._parts.unit}. Give them more memory."
            )

    def _invite(self, threads: Mapping[str, int]) -> None:
        """Asks threads that have nothing to do, as long as more is left than is worked on."""
        if time.monotonic() < self._asks_at:
            return
        busy = Counter(task.worker for task in self._tasks)
        idle = [worker for worker, number in threads.items() for _ in range(number - busy[worker])]
        missing = self._parts.total - self._done - len(self._tasks)
        for worker in idle[: max(0, missing)]:
            future = self._client.submit(
                take_part,
                self._invitation,
                key=(self._name, next(self._numbers)),
                workers=[worker],
                allow_other_workers=False,
                pure=False,
            )
            self._tasks.append(_Task(worker, time.monotonic(), future))
