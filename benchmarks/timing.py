"""The clock of the benchmarks."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Returns how long some work takes, in s of wall time."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
