"""Another product, from its pictures to results: the example of the tablets, without masks."""

import csv
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import capsule_inspect

EXAMPLE = Path(__file__).parents[2] / "examples/tablets"
CLASSES = ("chipped", "cracked", "good", "stained")
SEGMENTATION = {"dice", "iou", "dice_all", "iou_all", "pixel_auroc", "aupro", "pixel_f1"}


def run(*command: object, **environment: str) -> None:
    """Runs a command that finds the Python and the console script of these tests first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the script leaves behind, with fewer pictures and steps than its own."""
    folder = tmp_path_factory.mktemp("example") / "tablets"
    run(EXAMPLE / "run.sh", folder, COUNT="120", EPOCHS="6", STEPS="20")
    return folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the example is a shell script")
def test_the_script_makes_a_model_that_beats_chance_by_far(out: Path) -> None:
    document = json.loads((out / "evaluation/metrics.json").read_text(encoding="utf-8"))
    metrics = {metric["name"]: metric for metric in document["metrics"]}
    with (out / "data/manifest.csv").open(encoding="utf-8") as file:
        labels = [row["label"] for row in csv.DictReader(file) if row["split"] == "test"]
    majority = max(labels.count(name) for name in CLASSES) / len(labels)
    assert metrics["accuracy"]["n"] == len(labels)
    assert metrics["accuracy"]["low"] > majority + 0.1
    assert metrics["auroc"]["low"] > 0.6


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the example is a shell script")
def test_without_masks_nothing_is_said_of_pixels(out: Path) -> None:
    document = json.loads((out / "evaluation/metrics.json").read_text(encoding="utf-8"))
    assert not SEGMENTATION & {metric["name"] for metric in document["metrics"]}
    with (out / "results/predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120
    assert {row["status"] for row in rows} == {"ok"}
    assert set(rows[0]) >= {f"p_{name}" for name in CLASSES}
    for column in ("mask", "defect_area_px", "defect_area_pct"):
        assert {row[column] for row in rows} == {""}
    assert {row["label"] for row in rows} == set(CLASSES)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the example is a shell script")
def test_the_hint_is_highest_on_the_defect_though_no_mask_was_shown(out: Path) -> None:
    draw_tablet = runpy.run_path(str(EXAMPLE / "draw_tablets.py"))["draw_tablet"]
    inspector = capsule_inspect.load(out / "tablets.tflite")
    with (out / "data/manifest.csv").open(encoding="utf-8") as file:
        unseen = [row for row in csv.DictReader(file) if row["split"] == "test"]
    hits, chances = [], []
    for row in unseen:
        (finding,) = inspector.inspect_bytes((out / "pictures" / row["path"]).read_bytes())
        assert (finding.hint is not None) == finding.is_defect
        if finding.hint is not None and row["label"] != "good":
            number = int(Path(row["path"]).stem)
            _, truth = draw_tablet(row["label"], (0, number), finding.hint.shape[0])
            # A place is 29 pixels wide.
            near = cv2.dilate(truth, np.ones((29, 29), np.uint8)) > 0
            hits.append(near[np.unravel_index(finding.hint.argmax(), near.shape)])
            chances.append(near.mean())
    assert len(hits) >= 15
    assert np.mean(chances) < 0.2
    assert np.mean(hits) > 0.7


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the example is a shell script")
def test_report_and_overlay_call_it_a_hint_and_there_is_no_mask(out: Path, tmp_path: Path) -> None:
    picture = sorted((out / "pictures/stained").iterdir())[0]
    done = capsule_inspect.predict(
        picture, model=out / "tablets.tflite", out=tmp_path / "r", masks=True, report=True
    )
    assert "Colours on a defect are a hint" in done.report.read_text(encoding="utf-8")
    with done.predictions.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["label"] != "good", row["mask"], row["defect_area_px"]) == (True, "", "")
    assert "There is no mask" in row["warning"]
    drawn = cv2.imread(str(tmp_path / "r" / row["overlay"])).astype(int)
    changed = np.abs(drawn - cv2.imread(str(picture))).max(axis=2) > 30
    assert 0.02 < changed.mean() < 0.6


def test_tablets_are_drawn_into_a_folder_per_class(tmp_path: Path) -> None:
    for name in ("one", "again"):
        run(
            sys.executable,
            EXAMPLE / "draw_tablets.py",
            tmp_path / name,
            "--count",
            5,
            "--size",
            128,
            "--masks",
        )
    pictures = sorted(path.relative_to(tmp_path / "one") for path in tmp_path.glob("one/*/*.png"))
    assert {path.parts[0] for path in pictures} == set(CLASSES)
    assert len(pictures) == 5
    for path in pictures:
        drawn = (tmp_path / "one" / path).read_bytes()
        assert drawn == (tmp_path / "again" / path).read_bytes()
        picture = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (128, 128, 3)
        if path.parts[0] != "good":
            stored = (tmp_path / "one/masks" / path).read_bytes()
            mask = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert set(np.unique(mask)) == {0, 255}
            assert 0.001 < np.mean(mask > 0) < 0.2
    assert not (tmp_path / "one/masks/good").exists()
