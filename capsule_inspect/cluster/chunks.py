"""Inspect pictures on the workers of a cluster, in order, a few pictures a task."""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import TimeoutError as NotYetError
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from capsule_inspect import __version__
from capsule_inspect.cluster.connect import connect
from capsule_inspect.cluster.model_on_workers import send_model
from capsule_inspect.cluster.presence import Presence
from capsule_inspect.cluster.sent_pictures import send
from capsule_inspect.cluster.worker import Order, inspect_chunk
from capsule_inspect.errors import ClusterError
from capsule_inspect.inference.batch import InspectAll, Write
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.picture_results import PictureResults
from capsule_inspect.reporter import Reporter

if TYPE_CHECKING:
    from distributed import Client

Chunk: TypeAlias = tuple[InputPicture, ...]
"""Pictures that one task inspects."""

Task: TypeAlias = Callable[[Order, Chunk], Any]
"""What a worker does with a chunk; it returns the results of each picture."""

_PICTURES: Final = 4
"""The most pictures of a chunk whose results, with overlays, wait in the memory of a worker."""
_ROWS: Final = 16
"""The most where results are rows alone. A chunk costs scheduler and client some thousandths of a
second, whatever is in it."""
_EACH: Final = 16
"""The fewest chunks to give each thread, or one would work alone at the end for too long."""
_WINDOW: Final = 3
"""Chunks to have submitted per thread: one in work, one that waits, one whose results wait."""
_FETCHERS: Final = 4
"""Threads that take results from workers and write them."""
_ATTEMPTS: Final = 5
"""How often to submit a chunk; the scheduler gives each up after several workers died with it."""
_LOOK: Final = 1.0
"""Seconds to wait for results before a look at what else happened."""


@contextmanager
def on_workers(
    scheduler: str, model: Path, order: Order, jobs: int, reporter: Reporter
) -> Iterator[InspectAll]:
    """Connects to a cluster, sends the model to its workers, and yields what inspects there.

    Args:
        scheduler: `local`, or an address such as `tcp://host:8786`.
        model: The file of the model.
        order: What all tasks have in common.
        jobs: How many worker processes to start for `local`.
        reporter: Told about the workers.

    Raises:
        ClusterError: No scheduler answers, it has no workers, or one of them cannot take part.
    """
    with connect(scheduler, jobs, reporter) as client:
        send_model(client, model, order)
        yield OnWorkers(client, order, reporter)


class OnWorkers:
    """Inspects pictures on workers; an `InspectAll`.

    Args:
        client: The client of Dask.
        order: What all tasks have in common.
        reporter: Warned when no worker is left.
        task: What a worker does with a chunk.
    """

    def __init__(
        self, client: "Client", order: Order, reporter: Reporter, task: Task = inspect_chunk
    ) -> None:
        self._client = client
        self._order = order
        self._task = task
        self._presence = Presence(client, reporter)

    def __call__(
        self, pictures: Sequence[InputPicture], write: Write, /
    ) -> Generator[PictureResults, None, None]:
        """Inspects pictures; see `InspectAll`.

        Raises:
            ClusterError: The scheduler is lost, no worker is left, or chunks kill every worker.
        """
        from distributed.comm import CommClosedError

        run = _Run(self._client, self._order, self._task, write)
        chunks = _cut(pictures, chunk_size(len(pictures), self._threads(), self._order.options))
        begun: deque[ThreadFuture[list[PictureResults]]] = deque()
        try:
            while True:
                missing = _WINDOW * max(1, self._threads()) - len(begun)
                begun.extend(run.begin(chunk) for chunk in islice(chunks, max(0, missing)))
                if not begun:
                    return
                yield from self._wait(begun.popleft())
        except CommClosedError:  # the scheduler died while it handed results over
            raise self._presence.lost() from None
        finally:
            run.stop()

    def _wait(self, results: "ThreadFuture[list[PictureResults]]") -> list[PictureResults]:
        while True:
            try:
                return results.result(timeout=_LOOK)
            except CancelledError:
                raise self._presence.lost() from None
            except NotYetError:
                if results.done():  # the work itself ran out of time
                    raise
                self._threads()

    def _threads(self) -> int:
        """Returns how many threads the workers have; see `Presence.threads` for what it raises."""
        return sum(self._presence.threads().values())


class _Run:
    """The chunks of one run, between their submission and the writing of their results."""

    def __init__(self, client: "Client", order: Order, task: Task, write: Write) -> None:
        self._client = client
        self._order = order
        self._task = task
        self._write = write
        self._folder = Path.cwd()
        self._name = f"inspect-{uuid.uuid4().hex}"
        self._numbers = count()
        self._fetchers = ThreadPoolExecutor(_FETCHERS, "fetch")
        self._stopped = threading.Event()
        self._submitted: set[Any] = set()

    def begin(self, chunk: Chunk) -> "ThreadFuture[list[PictureResults]]":
        """Submits a chunk, and returns the future of its results, written."""
        sent = tuple(send(picture, self._folder) for picture in chunk)
        return self._fetchers.submit(self._fetch, sent, self._submit(sent))

    def stop(self) -> None:
        """Gives up what is submitted, and waits for what is being written."""
        self._stopped.set()
        for future in tuple(self._submitted):
            future.release()
        self._fetchers.shutdown(wait=True, cancel_futures=True)

    def _submit(self, chunk: Chunk) -> Any:
        # Names of one group let the scheduler hold back what no worker is free for: a chunk that
        # waits on a worker would share the blame for its death.
        name = (self._name, next(self._numbers))
        future = self._client.submit(self._task, self._order, chunk, key=name)
        self._submitted.add(future)
        return future

    def _fetch(self, chunk: Chunk, future: Any) -> list[PictureResults]:
        for _ in range(_ATTEMPTS):
            try:
                results = self._result(future)
            finally:
                # Held futures keep results in the memory of workers.
                self._submitted.discard(future)
                future.release()
            if results is not None:
                return [self._write(each) for each in results]
            future = self._submit(chunk)
        self._submitted.discard(future)
        future.release()
        raise ClusterError(
            f"Every worker dies with {_name(chunk)}. Give workers more memory, or leave it out."
        )

    def _result(self, future: Any) -> list[PictureResults] | None:
        """Returns the results of a chunk; None if the scheduler gave it up as workers died."""
        from distributed import KilledWorker, wait
        from distributed import TimeoutError as WaitedError  # Python 3.10 has several of the name

        while not future.done():
            if self._stopped.is_set():
                raise CancelledError
            with self._client.as_current(), suppress(WaitedError):
                wait(future, timeout=_LOOK)
        try:
            results: list[PictureResults] = future.result()
        except KilledWorker:
            return None
        except (ImportError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "deserializ" not in str(error):
                raise
            raise ClusterError(
                "The scheduler, or a worker that came later, cannot unpack a task. Install "
                f"capsule-inspect {__version__} there."
            ) from error
        return results


def _name(chunk: Chunk) -> str:
    first, last = chunk[0].path, chunk[-1].path
    return f"'{first}'" if len(chunk) == 1 else f"a picture from '{first}' to '{last}'"


def chunk_size(pictures: int, threads: int, options: InspectOptions) -> int:
    """Returns how many pictures a chunk has: fewer where threads would else have nothing to do.

    Args:
        pictures: How many there are.
        threads: How many threads the workers have.
        options: What to make besides the rows.
    """
    is_small = options.overlays == "none" and not options.masks
    most = _ROWS if is_small else _PICTURES
    return max(1, min(most, pictures // (_EACH * max(1, threads))))


def _cut(pictures: Sequence[InputPicture], size: int) -> Iterator[Chunk]:
    left = iter(pictures)
    while chunk := tuple(islice(left, size)):
        yield chunk
