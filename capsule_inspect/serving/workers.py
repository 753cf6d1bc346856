"""The workers: a bounded queue and the threads that inspect."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter
from typing import TypeVar

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
        self._seconds = deque([0.0], maxlen=50)

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
            seconds = self.taken * sum(self._seconds) / len(self._seconds) / self.jobs
            raise ProblemError(
                503,
                f"The queue is full: {self.taken} requests are waiting or in work. Try again in a "
                "moment.",
                {"Retry-After": str(max(1, math.ceil(seconds)))},
            )

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place in the queue.

        Raises:
            ProblemError: As for `require_room`.
        """
        self.require_room()
        start = perf_counter()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._seconds.append(perf_counter() - start)

    async def map(
        self, work: Callable[[_Item], _Result], items: Iterable[_Item]
    ) -> AsyncGenerator[_Result, None]:
        """Applies a function to items in the threads, and yields the results in order.

        Items are taken one by one, as threads come free. When the caller stops early, items that
        wait are given up; those in work are finished.
        """
        loop = asyncio.get_running_loop()
        left = iter(items)
        begun: deque[asyncio.Future[_Result]] = deque()
        try:
            while True:
                while len(begun) < self.jobs and (item := next(left, None)) is not None:
                    begun.append(loop.run_in_executor(self._threads, work, item))
                if not begun:
                    return
                yield await begun.popleft()
        finally:
            for future in begun:
                future.cancel()

    def close(self) -> None:
        """Gives up what waits; what is in work is finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)
