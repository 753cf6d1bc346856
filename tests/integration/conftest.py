"""Fixtures for tests of commands: pictures, tiny settings, and commands as separate processes."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slow_store import SlowNetwork, serving

# Without the `train` extra `evaluate` has nothing to measure with.
collect_ignore = [] if importlib.util.find_spec("sklearn") else ["test_evaluate.py"]

# A smaller encoder, and a window of a ninth of the pixels: it learns as well as nothing, but runs
# every line.
SMALL = (
    "model=efficientnet_lite0",
    "model.members=1",
    "model.roi.width=160",
    "model.roi.height=64",
    "model.roi.capsule_length=142",
    "train.epochs=2",
    "train.steps=4",
    "train.batch_size=4",
    "train.drawn=8",
    "train.validate_every=1",
)


MODULES_AFTER = """
import sys
from capsule_inspect.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
print(*sorted({name.partition('.')[0] for name in sys.modules}))
"""


@pytest.fixture
def pictures(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """A folder of four pictures that the small model calls good, crack, scratch and good."""
    for name, label in (("a", "good"), ("b", "crack"), ("c", "scratch"), ("d", "good")):
        paint(tmp_path / f"in/{name}.png", label)
    return tmp_path / "in"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNetwork]:
    """A real S3 API with a bucket; it depends on no account, and on no settings of this machine."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    fsspec = pytest.importorskip("fsspec")
    with serving() as (network, address):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        # All servers of moto in a process share a store.
        system.makedirs("bucket", exist_ok=True)
        yield network
    type(system).clear_instance_cache()


@pytest.fixture
def predict(invoke, tiny_model: Path):
    """Runs `predict` with the small model, in this process."""
    return lambda *arguments: invoke("predict", "--model", tiny_model, *arguments)


@pytest.fixture(scope="session")
def modules_after() -> Callable[..., set[str]]:
    """Runs a command as a process of its own; the packages that were loaded when it ended well."""

    def run(*arguments: object) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", MODULES_AFTER, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return set(done.stdout.splitlines()[-1].split())

    return run


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
