"""`predict` in a real control group of 2 CPUs and 512 MiB, on what looks like 64 cores."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from capsule_inspect.dataset.prepare import draw_set
from capsule_inspect.settings.groups import DataSettings

pytestmark = pytest.mark.slow

ROOT = Path("/sys/fs/cgroup")
MEMORY = 512 << 20
CPUS = 2
LARGE_NODE = """
import os, sys
os.sched_getaffinity = lambda pid: set(range(64))
from capsule_inspect.inference.cores import available_cores
from capsule_inspect.workflows.predict import default_jobs
print(available_cores(), default_jobs(1), flush=True)
from capsule_inspect.cli.app import main
main(sys.argv[1:])
"""

Limits = dict[str, dict[str, int | str]]
VERSION_1: Limits = {
    "cpu": {"cpu.cfs_period_us": 100_000, "cpu.cfs_quota_us": CPUS * 100_000},
    "memory": {"memory.limit_in_bytes": MEMORY},
}
VERSION_2: Limits = {"": {"cpu.max": f"{CPUS * 100_000} 100000", "memory.max": MEMORY}}


@pytest.fixture
def groups() -> Iterator[list[Path]]:
    """The folders of a control group with the limits, in version 2 or 1."""
    made: list[Path] = []
    limits = VERSION_2 if (ROOT / "cgroup.controllers").exists() else VERSION_1
    try:
        for controller, values in limits.items():
            folder = ROOT / controller / f"capsule-inspect-{os.getpid()}"
            folder.mkdir()
            made.append(folder)
            for name, value in values.items():
                (folder / name).write_text(str(value), encoding="ascii")
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    else:
        yield made
    finally:
        for folder in made:
            for _ in range(50):  # until the kernel has let go of its last process
                with suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.1)


def test_jobs_fit_the_quota_and_nothing_is_killed(tmp_path, groups, invoke):
    draw_set(tmp_path / "in", DataSettings(count=60, seed=3, size=1000))
    pictures = tmp_path / "in/pictures"
    assert invoke("predict", pictures, "-o", tmp_path / "free", "-q").exit_code == 0

    def enter() -> None:
        for folder in groups:
            (folder / "cgroup.procs").write_text("0", encoding="ascii")

    done = subprocess.run(
        [sys.executable, "-c", LARGE_NODE, "predict", str(pictures), "-o", str(tmp_path / "bound")],
        preexec_fn=enter,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == [str(CPUS), str(CPUS)]
    free, bound = (tmp_path / out / "predictions.csv" for out in ("free", "bound"))
    assert bound.read_bytes() == free.read_bytes()
    overlays = sorted(path.name for path in (tmp_path / "free/overlays").iterdir())
    assert len(overlays) == 60
    for name in overlays:
        own = (tmp_path / "bound/overlays" / name).read_bytes()
        assert own == (tmp_path / "free/overlays" / name).read_bytes()
