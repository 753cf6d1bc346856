"""The shipped model on emulated 64-bit ARM, beside this machine: the same pictures, the same bytes.

`tests/fixtures/emulated_arm64.sh` makes a Python for ARM with the versions of NumPy, OpenCV and
LiteRT that run the tests. Two processors are emulated: one with plain NEON, and one with all that
QEMU knows, SVE and SME among it, for which LiteRT has other kernels.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.settings.groups import DataSettings

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests/fixtures/emulated_arm64.sh"
SAME_VERSIONS = ("numpy", "opencv-python-headless", "ai-edge-litert")
"""The packages that compute."""
OTHER_PACKAGES = ("typer", "rich", "jinja2", "filelock", "pyyaml")
PROCESSORS = ("cortex-a72", "max")
COUNT = 14
SECONDS = 1200
pytestmark = pytest.mark.slow


def reason_against() -> str | None:
    """Says why there can be no emulated ARM here; None if it can be tried."""
    if platform.machine() != "x86_64" or sys.platform != "linux":
        return "ARM is compared with Linux on x86-64"
    missing = [name for name in ("apt-get", "dpkg", "bash") if not shutil.which(name)]
    if missing or "ID=debian" not in Path("/etc/os-release").read_text("utf-8").splitlines():
        return "the emulator and the libraries are taken from Debian's mirror, by Debian's apt"
    if not all(map(installed_version, SAME_VERSIONS)):
        return f"not all of {', '.join(SAME_VERSIONS)} are installed"
    return None


def installed_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.fixture(scope="module")
def arm_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Python for ARM that starts here; a gigabyte, which is removed at the end."""
    if reason := reason_against():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("arm64")
    pinned = [f"{name}=={installed_version(name)}" for name in SAME_VERSIONS]
    made = subprocess.run(
        [SCRIPT, folder, *pinned, *OTHER_PACKAGES],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if made.returncode:
        said = [line for line in made.stderr.splitlines() if line.strip()]
        pytest.skip(f"the emulated Python cannot be made: {said[-1] if said else made.returncode}")
    yield folder / "python"
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Runs:
    """What `predict` wrote of the same pictures.

    Attributes:
        source: `drawn` or `real`.
        here: The results folder of this machine.
        arm: The results folder of each emulated processor.
    """

    source: str
    here: Path
    arm: dict[str, Path]


@pytest.fixture(scope="module", params=["drawn", "real"])
def runs(
    request: pytest.FixtureRequest, arm_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Runs:
    """The results for drawn capsules, and for real ones where there are some."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "drawn":
        prepare_dataset("drawn", folder / "data", DataSettings(count=COUNT))
        pictures = sorted((folder / "data/pictures").iterdir())
    else:
        pictures = spread(request.getfixturevalue("real_data"))
    assert len(pictures) == COUNT
    pythons = {"here": (sys.executable, ""), **{cpu: (arm_python, cpu) for cpu in PROCESSORS}}
    out = {name: folder / name for name in pythons}
    running = [
        subprocess.Popen(
            [
                *(str(python), "-m", "capsule_inspect", "predict", *map(str, pictures)),
                *("-o", str(out[name]), "--masks", "--quiet"),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT), "CPU": cpu},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, (python, cpu) in pythons.items()
    ]
    try:
        said = [process.communicate(timeout=SECONDS)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * len(running), said
    return Runs(request.param, out.pop("here"), out)


def spread(data: Path) -> list[Path]:
    """The first real pictures of each class: four good ones, two of each defect."""
    counts = {"good": COUNT - 2 * len(DEFECTS), **dict.fromkeys(DEFECTS, 2)}
    return [
        path
        for label, count in counts.items()
        for path in sorted((data / "test" / label).iterdir())[:count]
    ]


def contents(folder: Path, kind: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / kind).iterdir())}


def test_the_emulator_has_the_processors(arm_python: Path) -> None:
    for cpu in PROCESSORS:
        program = "import platform; print(platform.machine(), open('/proc/cpuinfo').read())"
        done = subprocess.run(
            [arm_python, "-c", program],
            env={**os.environ, "CPU": cpu},
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        )
        assert done.stdout.startswith("aarch64 ")
        assert (" sme " in done.stdout) == (cpu == "max")


@pytest.mark.parametrize("kind", ["overlays", "masks"])
def test_overlays_and_masks_are_the_same_bytes(runs: Runs, kind: str) -> None:
    expected = contents(runs.here, kind)
    assert len(expected) == COUNT
    for cpu, folder in runs.arm.items():
        found = contents(folder, kind)
        assert found.keys() == expected.keys()
        different = [name for name, content in found.items() if content != expected[name]]
        assert not different, cpu


def test_rows_are_the_same_bytes(runs: Runs) -> None:
    expected = (runs.here / "predictions.csv").read_bytes()
    for cpu, folder in runs.arm.items():
        assert (folder / "predictions.csv").read_bytes() == expected, cpu
