import subprocess
import sys

import pytest

from capsule_inspect.training import allocator

# A process of its own, since what the allocator is told stays so. It writes to all of an array of
# 256 MB, drops it, and tells how much memory it still holds.
SCRIPT = """
import os, sys
import numpy as np
from capsule_inspect.training.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()

def held():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

before = held()
np.ones(2**28, np.uint8)
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the allocator of glibc")
@pytest.mark.parametrize(("told", "least", "most"), [("keep", 200, 400), ("nothing", -50, 50)])
def test_memory_that_is_freed_stays_with_the_process(told, least, most):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, told], capture_output=True, text=True, check=True
    )
    assert least * 1e6 < int(done.stdout) < most * 1e6


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)
    allocator.keep_freed_memory()
