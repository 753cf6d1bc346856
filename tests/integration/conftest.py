"""What slow tests of training share: tiny settings, and commands as processes of their own."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

# Without the `train` extra `evaluate` has nothing to measure with.
collect_ignore = (
    []
    if importlib.util.find_spec("sklearn") and importlib.util.find_spec("matplotlib")
    else ["test_evaluate.py"]
)

# A window of a ninth of the pixels, which learns as well as nothing but runs every line.
SMALL = (
    "model.roi.width=160",
    "model.roi.height=64",
    "model.roi.capsule_length=142",
    "train.epochs=2",
    "train.steps=4",
    "train.batch_size=4",
    "train.drawn=8",
    "train.validate_every=1",
)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Overrides for a training run of seconds."""
    return SMALL


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `capsule-inspect` as a process of its own; keyword arguments become its environment."""

    def run(*arguments: object, cwd: object = None, **environment: str):
        return subprocess.run(
            [sys.executable, "-m", "capsule_inspect", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **environment},
            check=False,
        )

    return run
