"""How much of a machine this process may use: its cores, and what control groups leave of them."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

_BASE, _PER_JOB = 130 << 20, 40 << 20
"""Bytes that a batch of pictures of one megapixel takes, and that each further job adds."""
_MOUNT: Final = "sys/fs/cgroup"


def available_cores(root: Path = Path("/")) -> int:
    """Returns the number of cores that this process may use, at least 1.

    It is the smaller of its affinity and the CPU quota of its control groups, rounded up.
    Containers are often limited by the quota alone: the affinity then counts all cores of the host.

    Args:
        root: The root of the file system.
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    return max(1, min([count, *(math.ceil(quota) for quota in _quotas(root))]))


def jobs_that_fit(jobs: int, root: Path = Path("/")) -> int:
    """Returns a number of jobs, or fewer if the control groups' memory holds no more; at least 1.

    Args:
        jobs: How many the cores can take.
        root: The root of the file system.
    """
    most = [1 + (limit - _BASE) // _PER_JOB for limit in _memory_limits(root)]
    return max(1, min([jobs, *most]))


def _quotas(root: Path) -> Iterator[float]:
    """Yields the cores that each control group may use at most (cgroups v2, v1)."""
    for folder in _groups(root, "cpu"):
        with suppress(OSError, ValueError):  # not there, or "max"
            quota, period = (folder / "cpu.max").read_text().split()
            yield int(quota) / int(period)
        with suppress(OSError, ValueError):
            quota = (folder / "cpu.cfs_quota_us").read_text()
            if int(quota) > 0:
                yield int(quota) / int((folder / "cpu.cfs_period_us").read_text())


def _memory_limits(root: Path) -> Iterator[int]:
    """Yields the bytes that each control group may use at most; a huge number is no limit."""
    for folder in _groups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):
                yield int((folder / name).read_text())


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yields the folders of the control groups of this process, and those above them."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        for mounted in {names, controller} if names else {"", "unified"}:
            base = PurePosixPath(_MOUNT, mounted)
            own = base / path.lstrip("/")
            yield from (root / each for each in (own, *own.parents) if each.is_relative_to(base))
