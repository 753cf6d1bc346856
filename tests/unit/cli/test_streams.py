import os
import subprocess
import sys

import pytest

from capsule_inspect.cli.streams import PatientStream

WORK = """
import sys
from capsule_inspect.cli.streams import make_patient
make_patient()
for number in range(100000):
    print(number)
print("an \\udcff and an ü", file=sys.stderr)
sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise")
def test_the_work_goes_on_when_the_reader_leaves():
    with subprocess.Popen(
        [sys.executable, "-c", WORK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
    ) as running:
        assert running.stdout.readline().strip() == b"0"
        running.stdout.close()
        assert running.stderr.read().strip() == rb"an \udcff and an \xfc"
        assert running.wait() == 3


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise")
def test_what_comes_after_the_reader_goes_nowhere():
    read, write = os.pipe()
    with PatientStream(os.fdopen(write, "wb"), "utf-8") as stream:
        os.close(read)
        assert stream.write("abc") == 3
        stream.flush()
        assert stream.write("x" * 100_000) == 100_000
        stream.flush()


LIBRARY = """
import os, sys
from capsule_inspect.cli.streams import make_patient, without_library_lines
make_patient()
print("before", file=sys.stderr)
with without_library_lines():
    os.write(2, b"a line of a library\\n")
    print("ours \\u54c1", file=sys.stderr)
os.write(2, b"after\\n")
print("last", file=sys.stderr)
"""


def test_lines_of_libraries_are_kept_off_and_ours_appear():
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.stderr.decode().splitlines() == ["before", "ours 品", "after", "last"]
