import subprocess
import sys

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.lock import only_process

HOLD = """
import sys
from pathlib import Path
from capsule_inspect.runs.lock import only_process
with only_process(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_dies(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as first:
        assert first.stdout.readline().strip() == b"held"
        with (
            pytest.raises(UsageError, match="Another process is training in"),
            only_process(tmp_path),
        ):
            pytest.fail("two processes hold the lock")
        first.kill()
        first.wait()
    with only_process(tmp_path):
        pass


def test_an_error_releases_the_lock(tmp_path):
    with pytest.raises(ValueError, match="mine"), only_process(tmp_path):
        raise ValueError("mine")
    with only_process(tmp_path):
        pass
