"""The workers: a bounded queue and the threads that inspect."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from capsule_inspect.serving.problems import ProblemError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Workers:
    """Threads that inspect pictures, and places for the requests that wait for them.

    A request takes a place once it is received whole. There are as many places as threads and
    waiting requests together; who finds none is refused at once. Call it from one event loop.

    Args:
        jobs: Number of threads.
        queue: How many requests may wait.

    Attributes:
        jobs: Number of threads.
        taken: Places taken.
        is_draining: Whether new requests are refused, because the server shuts down.
    """

    def __init__(self, jobs: int, queue: int) -> None:
        self.jobs = jobs
        self.taken = 0
        self.is_draining = False
        self._places = jobs + queue
        self._threads = ThreadPoolExecutor(jobs, "inspect")
        self._in_threads: set[Future[Any]] = set()

    @property
    def waiting(self) -> int:
        """Requests that wait for a thread."""
        return max(0, self.taken - self.jobs)

    def require_room(self) -> None:
        """Refuses a request for which there is no place.

        Raises:
            ProblemError: 503; its header Retry-After says when to try again.
        """
        if self.is_draining:
            raise ProblemError(
                503, "The server is shutting down. Try again later.", {"Retry-After": "5"}
            )
        if self.taken >= self._places:
            raise ProblemError(
                503,
                f"The queue is full: {self.taken} requests are waiting or in work. Try again in a "
                "moment.",
                {"Retry-After": "1"},
            )

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place in the queue.

        Raises:
            ProblemError: As for `require_room`.
        """
        self.require_room()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def map(
        self, work: Callable[[_Item], _Result], items: Iterable[_Item]
    ) -> AsyncGenerator[_Result, None]:
        """Applies a function to items in the threads, and yields the results in order.

        Items are taken one by one, as threads come free. When the caller stops early, items that
        wait are given up; those in work are finished.
        """
        left = iter(items)
        begun: deque[asyncio.Future[_Result]] = deque()
        try:
            while True:
                while len(begun) < self.jobs and (item := next(left, None)) is not None:
                    begun.append(self._begin(work, item))
                if not begun:
                    return
                yield await begun.popleft()
        finally:
            for future in begun:
                future.cancel()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Runs a function in a thread, and returns its result."""
        return await self._begin(lambda _: work(), None)

    def _begin(self, work: Callable[[_Item], _Result], item: _Item) -> "asyncio.Future[_Result]":
        future = self._threads.submit(work, item)
        self._in_threads.add(future)
        future.add_done_callback(self._in_threads.discard)
        return asyncio.wrap_future(future)

    @property
    def is_busy(self) -> bool:
        """Whether a thread is in work."""
        return any(future.running() for future in tuple(self._in_threads))

    def close(self) -> None:
        """Gives up what waits; what is in work goes on."""
        self._threads.shutdown(wait=False, cancel_futures=True)
