import os

import pytest

from capsule_inspect.inference.cores import available_cores, jobs_that_fit

MIB = 1 << 20


def at(root, tree: dict[str, str]):
    for name, text in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("tree", "cores"),
    [
        ({}, 64),
        ({"proc/self/cgroup": "0::/"}, 64),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, 64),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "100000 100000"}, 1),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "250000 100000"}, 3),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "5000 100000"}, 1),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "200000 100000"}, 2),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/cpu.max": "200000 100000",
                "sys/fs/cgroup/a/b/cpu.max": "800000 100000",
            },
            2,
        ),
        (
            {  # v1, in a container: the path is the host's, the mount shows the group itself
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/0123\n0::/",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/pod",
                "sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/pod/cpu.cfs_period_us": "100000",
            },
            64,
        ),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "damaged"}, 64),
    ],
)
def test_cores_are_those_of_the_quota(tmp_path, monkeypatch, tree, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert available_cores(at(tmp_path, tree)) == cores


@pytest.mark.parametrize(
    ("tree", "jobs"),
    [
        ({}, 64),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max"}, 64),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": str(512 * MIB)}, 10),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": str(64 * MIB)}, 1),
        (
            {
                "proc/self/cgroup": "9:memory:/pod",
                "sys/fs/cgroup/memory/pod/memory.limit_in_bytes": str(256 * MIB),
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "9:memory:/",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            },
            64,
        ),
    ],
)
def test_jobs_are_as_many_as_the_memory_holds(tmp_path, tree, jobs):
    assert jobs_that_fit(64, at(tmp_path, tree)) == jobs
