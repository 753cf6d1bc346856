"""The process that a worker starts: it says what it failed of, and ends with the worker."""

import json
import subprocess
import sys

import pytest


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_it_ends_at_once_when_its_worker_died():
    process = start(
        "-c",
        """
import time
from capsule_inspect.workflows import take_part
take_part.take_part = lambda *_: (print("begun", flush=True), time.sleep(60))
take_part.main(["{}"])
""",
    )
    assert process.stdout.readline() == "begun\n"
    assert process.poll() is None
    process.stdin.close()  # as the system does for a worker that was killed
    assert process.wait(timeout=20) == 1
    process.stdout.close()


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_failure_is_a_line(command, tmp_path):
    pytest.importorskip("optuna", reason="training needs the train extra")
    gone = {"command": command, "arguments": {"resume": str(tmp_path)}}
    process = start("-m", "capsule_inspect.workflows.take_part", json.dumps(gone))
    with process:
        said = process.stdout.read()
    assert process.returncode == 2
    assert said.startswith(f"Error: There is nothing to resume in '{tmp_path}': it holds no conf")
    assert said.count("\n") == 1
