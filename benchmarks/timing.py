"""The clock of the benchmarks."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Returns the wall time of some work, in s."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
