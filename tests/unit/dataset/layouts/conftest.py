from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.prepare import DRAWN, prepare_dataset
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings


@pytest.fixture(scope="session")
def touch() -> Callable[..., Path]:
    """Makes empty files below a folder, since discovering reads none; returns the folder."""

    def make(root: Path, *names: str) -> Path:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        return root

    return make


@pytest.fixture(scope="session")
def complaint() -> Callable[[Path], str]:
    """Tells what is wrong with a folder: with all of it, or with some of its pictures."""

    def tell(root: Path) -> str:
        try:
            found = discover(root)
        except DataError as error:
            return str(error)
        return "\n".join(each.problem for each in found.pictures if each.problem)

    return tell


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """A data set with masks, to write in the format of a tool. Read only."""
    folder = tmp_path_factory.mktemp("drawn")
    settings = DataSettings(count=14, size=200, seed=2, val=0, test=0)
    return prepare_dataset(DRAWN, folder / "data", settings).data


@pytest.fixture(scope="session")
def outlines_of() -> Callable[[np.ndarray], list[np.ndarray]]:
    """Traces the outlines of a mask along the pixels' outer edges, by enlarging it: [N, 2] each."""

    def trace(mask: np.ndarray) -> list[np.ndarray]:
        large = cv2.resize(mask.astype(np.uint8), None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        return [(outline[:, 0] + 0.5) / 8 for outline in outlines]

    return trace


@pytest.fixture(scope="session")
def assert_same() -> Callable[[DataSet, DataSet], None]:
    """Asserts that a data set has the pictures, classes and masks of another, by their names."""

    def compare(data: DataSet, wanted: DataSet) -> None:
        assert data.classes == wanted.classes
        assert _facts(data) == _facts(wanted)

    return compare


def _facts(data: DataSet) -> dict[str, tuple[str, str, str]]:
    samples = ((Path(each.path).stem, each) for each in data.samples)
    return {name: (each.label, each.sha256, each.mask_sha256) for name, each in samples}


@pytest.fixture(scope="session")
def assert_near() -> Callable[[DataSet, DataSet], None]:
    """Asserts that the masks of a data set are those of another, to within a pixel of outlines."""

    def compare(data: DataSet, wanted: DataSet) -> None:
        assert [each[:2] for each in _facts(data).values()] == [
            each[:2] for each in _facts(wanted).values()
        ]
        others = {Path(each.path).stem: each for each in wanted.samples}
        for sample in data.samples:
            _, mask = data.read(sample)
            _, truth = wanted.read(others[Path(sample.path).stem])
            square = np.ones((3, 3), np.uint8)
            assert not (mask & ~(cv2.dilate(_without_holes(truth), square) > 0)).any()
            assert not ((cv2.erode(_without_holes(truth), square) > 0) & ~mask).any()

    return compare


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """Outlines cannot show holes."""
    outlines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return cv2.drawContours(mask.astype(np.uint8), outlines, -1, 1, cv2.FILLED)
