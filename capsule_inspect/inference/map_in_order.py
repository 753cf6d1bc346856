"""Work on many things at once, results in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_WAITING = 2
"""Items begun ahead of the one that is waited for, per job: enough that none stands idle."""


def map_in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], jobs: int
) -> Generator[_Result, None, None]:
    """Applies a function to items in threads.

    OpenCV and the runtimes let other threads go on while they compute. However many items there
    are, few results are held. When the caller stops early, or an item fails, no further item is
    begun, and those begun are finished first.

    Args:
        work: Called for each item, from several threads at once.
        items: Taken one by one, as there is room.
        jobs: How many to work on at a time, at least 1; 1 works in the caller's own thread.

    Yields:
        The results in the order of the items; the first exception is raised in its place.
    """
    if jobs == 1:
        yield from map(work, items)
        return
    left = iter(items)
    pool = ThreadPoolExecutor(jobs, "inspect")
    begun: deque[Future[_Result]] = deque()
    try:
        begun.extend(pool.submit(work, item) for item in islice(left, jobs * _WAITING))
        while begun:
            yield begun.popleft().result()
            begun.extend(pool.submit(work, item) for item in islice(left, 1))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
