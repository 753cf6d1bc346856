"""Random damage to pictures and models: never a crash, a hang, or a label from a damaged model."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from damage import damage

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.inference.records import read_records

COUNT = 1000


def test_damaged_pictures_are_read_or_refused(tmp_path, tiny_capsule_model):
    random = np.random.default_rng(0)
    picture = draw_capsule("crack", 5, 200).picture[:, :, ::-1]
    wholes = [
        (kind, cv2.imencode(f".{kind}", picture)[1].tobytes())
        for kind in ("png", "jpg", "bmp", "tif", "webp")
    ]
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(COUNT):
        kind, whole = wholes[number % len(wholes)]
        (folder / f"{number:04}.{kind}").write_bytes(damage(whole, random))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "capsule_inspect", "predict", folder, "-o", out]
    done = subprocess.run(
        [*map(str, command), "--model", str(tiny_capsule_model), "-j", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 3, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    rows = read_records(out / "predictions.csv")
    assert len({row.path for row in rows}) == COUNT
    assert sum(row.status == "error" for row in rows) > COUNT // 4


MODELS = """
import sys
from pathlib import Path
from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.runtime import Interpreter

for file in sorted(Path(sys.argv[1]).iterdir()):
    try:
        Interpreter(read_bundle(file))
    except ModelFileError:
        continue
    print(file.name)
"""


def test_damaged_models_are_refused(tmp_path, tiny_model):
    whole = tiny_model.read_bytes()
    random = np.random.default_rng(1)
    folder = tmp_path / "models"
    folder.mkdir()
    for number in range(COUNT):
        damaged = damage(whole, random)
        assert damaged != whole
        (folder / f"{number:04}.tflite").write_bytes(damaged)
    assert taken(folder) == []
    (folder / "whole.tflite").write_bytes(whole)
    assert taken(folder) == ["whole.tflite"]  # or the test could not fail


def taken(folder: Path) -> list[str]:
    """Returns which model files a process of its own accepts."""
    done = subprocess.run(
        [sys.executable, "-c", MODELS, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.split()
