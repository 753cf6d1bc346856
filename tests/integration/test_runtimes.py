"""tflite-runtime, in an environment of its own without ai-edge-litert, against ai-edge-litert.

All of tflite-runtime happens in processes of its own: it needs NumPy 1 and cannot live in a process
that has loaded TensorFlow.
"""

import csv
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from other_pythons import find_python, output_of

from capsule_inspect.choices import QUANTIZATIONS, SHIPPED_MODEL
from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.modelfile.bundle import read_bundle, write_bundle

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests/fixtures"
PACKAGES = (
    "tflite-runtime==2.14.0",
    "numpy<2",
    "opencv-python-headless>=4.11.0.86,<4.12",  # 4.12 and later want NumPy 2
    "typer>=0.20",
    "rich>=13.9.4",
    "hydra-core>=1.3.2",
    "filelock>=3.16",
)
CLEAR = 0.02
"""Scores nearer to the threshold than this may fall on either side of it."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="tflite-runtime has wheels for Linux only"),
]


@dataclass(frozen=True)
class Scores:
    """What `score_crops.py` printed."""

    runtime: str
    ms: float
    labels: tuple[str, ...]
    scores: tuple[float, ...]


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the package and tflite-runtime, and without ai-edge-litert."""
    folder = tmp_path_factory.mktemp("tflite-runtime") / "venv"
    output_of(find_python("3.11", "3.10"), "-m", "venv", folder)
    pip = (folder / "bin/python", "-m", "pip", "install", "--quiet")
    output_of(*pip, *PACKAGES)
    output_of(*pip, "--no-deps", ROOT)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, save_picture) -> Path:
    """A folder of 12 drawn capsules, six of them good."""
    folder = tmp_path_factory.mktemp("drawn")
    for index, label in enumerate(draw_labels(12, 5)):
        save_picture(folder / f"{index:02}.png", draw_capsule(label, (5, index)).picture)
    return folder


@pytest.fixture(scope="module")
def crops(drawn: Path) -> np.ndarray:
    """What the shipped model sees of all real pictures; of drawn ones where there are none."""
    real = os.environ.get("CAPSULE_INSPECT_DATA")
    folders = (Path(real, "train"), Path(real, "test")) if real else (drawn,)
    paths = sorted(path for folder in folders for path in folder.rglob("*.*"))
    roi = read_bundle(SHIPPED_MODEL).metadata.roi
    pictures = map(read_picture, paths)
    return np.stack(
        [crop.take(picture) for picture in pictures for crop in find_crops(picture, roi)]
    )


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one network in four formats, and the crops that it has learned."""
    folder = tmp_path_factory.mktemp("formats")
    output_of(sys.executable, FIXTURES / "make_formats.py", folder, PYTHONPATH=str(ROOT))
    return folder


def score_old(python: Path, model: Path, crops: Path) -> Scores:
    printed = output_of(python, FIXTURES / "score_crops.py", model, crops, "tflite-runtime")
    scores = Scores(**json.loads(printed))
    assert scores.runtime == "tflite-runtime 2.14.0"
    return scores


def score_new(model: Path, crops: Path) -> Scores:
    script = (sys.executable, FIXTURES / "score_crops.py")
    printed = output_of(*script, model, crops, "ai-edge-litert", PYTHONPATH=str(ROOT))
    return Scores(**json.loads(printed))


def disagreements(one: Scores, other: Scores, threshold: float) -> list[tuple[object, ...]]:
    """Crops with different labels although neither score is near the threshold."""
    rows = zip(one.labels, other.labels, one.scores, other.scores, strict=True)
    return [
        row
        for row in rows
        if row[0] != row[1] and min(abs(score - threshold) for score in row[2:]) > CLEAR
    ]


def joined(parts: Sequence[Scores]) -> Scores:
    labels = tuple(label for part in parts for label in part.labels)
    return Scores(parts[0].runtime, parts[0].ms, labels, tuple(s for p in parts for s in p.scores))


def test_predict_runs_the_shipped_model_on_it(
    old_python: Path, drawn: Path, tmp_path: Path
) -> None:
    command = old_python.parent / "capsule-inspect"
    said = json.loads(output_of(command, "info", "--json"))
    assert said["runtime"] == "tflite-runtime 2.14.0"
    output_of(command, "predict", drawn, "-o", tmp_path / "out", "--masks")
    with (tmp_path / "out/predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} == {"ok"}
    right = [row["label"] == label for row, label in zip(rows, draw_labels(12, 5), strict=True)]
    assert sum(right) >= 11
    assert all((tmp_path / "out" / row["mask"]).is_file() for row in rows)


def test_the_shipped_model_labels_stored_crops_alike_on_both(
    old_python: Path, crops: np.ndarray, tmp_path: Path
) -> None:
    if "CAPSULE_INSPECT_DATA" in os.environ:
        assert len(crops) == 298
    # int8 is slow on tflite-runtime, so two processes share the crops.
    halves = [tmp_path / "0.npy", tmp_path / "1.npy"]
    for file, part in zip(halves, np.array_split(crops, 2), strict=True):
        np.save(file, part)
    with ThreadPoolExecutor(2) as pool:
        old = joined(
            list(pool.map(lambda part: score_old(old_python, SHIPPED_MODEL, part), halves))
        )
        new = joined(list(pool.map(lambda part: score_new(SHIPPED_MODEL, part), halves)))
    threshold = read_bundle(SHIPPED_MODEL).metadata.operating_point.threshold
    assert disagreements(old, new, threshold) == []
    # Both kinds of label occur, so that agreeing means something.
    assert 0.2 < np.mean([label == "good" for label in new.labels]) < 0.9


def test_both_give_the_known_answers_and_notice_another(
    old_python: Path, formats: Path, tmp_path: Path
) -> None:
    crop = tmp_path / "crop.npy"
    np.save(crop, np.load(formats / "crops.npy")[:1])
    for name in QUANTIZATIONS:
        file = formats / f"{name}.tflite"
        bundle = read_bundle(file)
        answer = bundle.metadata.known_answer
        assert answer is not None
        score_old(old_python, file, crop)
        score_new(file, crop)
        first, *others = answer.outputs
        moved = replace(first, values=tuple(value + 40 for value in first.values))
        metadata = replace(bundle.metadata, known_answer=replace(answer, outputs=(moved, *others)))
        other = tmp_path / f"{name}.tflite"
        write_bundle(other, bundle.flatbuffer, metadata)
        with pytest.raises(AssertionError, match=r"tflite-runtime 2\.14\.0 on .* wrongly"):
            score_old(old_python, other, crop)


def test_all_formats_load_on_both_and_agree(old_python: Path, formats: Path) -> None:
    old, new = (
        {name: score(formats / f"{name}.tflite", formats / "crops.npy") for name in QUANTIZATIONS}
        for score in (lambda *files: score_old(old_python, *files), score_new)
    )
    assert len(set(new["float32"].labels)) == 6
    for name in QUANTIZATIONS:
        assert disagreements(old[name], new[name], 0.5) == [], name
        assert len(disagreements(old[name], new["float32"], 0.5)) <= (name == "int8"), name
    for name in ("float32", "float16"):
        assert old[name].scores == pytest.approx(new[name].scores, abs=1e-4)
        assert old[name].labels == new[name].labels
