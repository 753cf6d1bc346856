"""Fixtures for several rooms: small pictures and data sets, a small model, the command."""

import os
import signal
import time

# A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Rich reads these when a command makes its consoles.
os.environ.pop("DASK_SCHEDULER_ADDRESS", None)  # the tests choose where to work
os.environ.update(COLUMNS="120", NO_COLOR="1", TERM="dumb", TTY_COMPATIBLE="0")

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from describe_model import describe_model, with_known_answer
from hypothesis import settings
from numpy.typing import NDArray

from capsule_inspect.cli.app import main
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.bundle import pack_bundle
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.settings.groups import DataSettings

FIXTURES = Path(__file__).parent / "fixtures"

# What `tests/fixtures/tiny.tflite` makes of a picture of one colour; see `make_tiny.py`.
COLOUR_OF = {"good": (255, 0, 0), "crack": (0, 255, 0), "scratch": (0, 0, 255)}

# A busy machine is slow, and that is no failure.
settings.register_profile("any speed", deadline=None)
settings.load_profile("any speed")


# All processes of a test run count from here, also one that replaces another.
STARTED = float(os.environ.setdefault("CAPSULE_INSPECT_TESTS_STARTED", str(time.time())))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--minutes", type=float, help="skip, and list as skipped, what has not begun by then"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test once the minutes are spent: a slow machine says what it did not run."""
    minutes: float | None = item.config.getoption("--minutes")
    if minutes is not None and time.time() - STARTED > 60 * minutes:
        pytest.skip(f"not run: the {minutes:.0f} minutes given to these tests are spent")


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    out: str
    err: str


@pytest.fixture
def invoke(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs `capsule-inspect` with arguments, in this process."""

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        code = stop.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keeps stored features out of the user's cache folder; all tests share those they make.

    Other programs find what they keep there: fonts, browsers, packages.
    """
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = tmp_path_factory.mktemp("cache")
    for each in users.iterdir() if users.is_dir() else ():
        if each.name != "capsule-inspect":
            (folder / each.name).symlink_to(each)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def save_picture() -> Callable[[Path, NDArray[np.uint8]], Path]:
    """Writes RGB [H, W, 3] or a mask [H, W] in the format of the extension; makes folders."""
    return _save


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in MVTec AD's layout: 12 good and 4 of each defect, 320 px, upright. Read only."""
    root = tmp_path_factory.mktemp("source") / "capsule"
    labels = ["good"] * 12 + [defect for defect in DEFECTS for _ in range(4)]
    for i, label in enumerate(labels):
        capsule = draw_capsule(label, (1, i), size=320, upright=True)
        part = "train" if i < 8 else "test"
        _save(root / part / label / f"{i:03}.png", capsule.picture)
        if label != "good":
            _save(root / "ground_truth" / label / f"{i:03}_mask.png", capsule.mask)
    return root


@pytest.fixture(scope="session")
def dataset_folder(drawn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set folder that `prepare` makes of `drawn_folder`. Read only."""
    out = tmp_path_factory.mktemp("prepared") / "capsule"
    prepare_dataset(drawn_folder, out, DataSettings())
    return out


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real pictures, MVTec AD's `capsule`; without it the test is skipped."""
    folder = os.environ.get("CAPSULE_INSPECT_DATA")
    if not folder:
        pytest.skip("CAPSULE_INSPECT_DATA does not say where the real pictures are")
    return Path(folder)


@pytest.fixture
def paint() -> Callable[..., Path]:
    """Writes a 96 x 32 picture of the colour that the small model gives a label."""

    def write(path: Path, label: str = "good") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((32, 96, 3), COLOUR_OF[label][::-1], np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
        return path

    return write


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that looks at whole pictures and tells labels by colour."""
    return _pack(tmp_path_factory, "tiny.tflite", Roi("whole", 48, 16, 42))


@pytest.fixture(scope="session")
def tiny_capsule_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network, looking at capsules."""
    return _pack(tmp_path_factory, "tiny.tflite", Roi("capsule", 48, 16, 42))


@pytest.fixture(scope="session")
def tiny_label_only_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without a mask head."""
    return _pack(tmp_path_factory, "tiny_label_only.tflite", Roi("whole", 48, 16, 42))


def _save(path: Path, values: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = values if values.ndim == 2 else values[:, :, ::-1]
    path.write_bytes(cv2.imencode(path.suffix.lower(), stored)[1].tobytes())
    return path


def _pack(folder: pytest.TempPathFactory, name: str, roi: Roi) -> Path:
    flatbuffer = (FIXTURES / name).read_bytes()
    metadata = describe_model(
        flatbuffer,
        classes=tuple(COLOUR_OF),
        roi=roi,
        operating_point=OperatingPoint(1.0, 0.4, 0.5, "hand-made for the tests"),
    )
    path = folder.mktemp("model") / name
    path.write_bytes(pack_bundle(flatbuffer, with_known_answer(flatbuffer, metadata)))
    return path
