"""A watch that is killed at any moment while a camera writes: every picture has its rows once."""

import csv
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from capsule_inspect.inference.verify import verify_results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL"),
]

KILLS = 10

WRITER = """
import os, random, shutil, sys, time
from pathlib import Path
import cv2, numpy as np

folder, count = Path(sys.argv[1]), int(sys.argv[2])
beside = folder.with_name("beside")
beside.mkdir()
chance, noise = random.Random(3), np.random.default_rng(3)

def picture():
    height, width = noise.integers(16, 160, 2)
    colour = noise.integers(0, 256, 3)
    values = np.clip(colour + noise.integers(-9, 9, (height, width, 3)), 0, 255).astype(np.uint8)
    return cv2.imencode(chance.choice([".png", ".jpg", ".bmp"]), values)[1].tobytes()

def slowly(path, data):
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), len(data) // 3 + 1):
            file.write(data[start : start + len(data) // 3 + 1])
            time.sleep(chance.choice([*[0, 0, 0.01, 0.01] * 20, 0.5]))

def renamed(path, data):
    part = path.with_name(path.name + ".part")
    slowly(part, data)
    part.rename(path)

def copied(path, data):
    slowly(beside / path.name, data)
    shutil.copyfile(beside / path.name, path)

def linked(path, data):
    slowly(beside / path.name, data)
    os.link(beside / path.name, path)

for number in range(count):
    # Its extension may well be wrong: the content decides.
    path = folder / f"{number:05}{chance.choice(['.png', '.jpg', '.bmp'])}"
    chance.choice([slowly, renamed, copied, linked])(path, picture())
"""


def start(folder: Path, model: Path, *options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "capsule_inspect", "watch", "camera", "-o", "out"]
    command += ["--model", model, "--masks", *options]
    # To a file: nobody reads a pipe meanwhile, and it would fill.
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([*map(str, command)], cwd=folder, stderr=log)


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "capsule_inspect", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def folders(out: Path) -> list[Path]:
    """The results folders of a watch: `out` itself, or those in it."""
    return [file.parent for file in sorted((*out.glob("predictions.csv"), *out.glob("0*/p*.csv")))]


def rows(out: Path) -> list[dict[str, str]]:
    found = []
    for folder in folders(out):
        with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
            found += list(csv.DictReader(file))
    return found


def size_of(out: Path) -> int:
    return sum((folder / "predictions.csv").stat().st_size for folder in folders(out))


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ((), 2000),
        (("--poll", 0.3), 2000),
        (("--then", "move", "--to", "done"), 500),
        (("--rotate", "2kB"), 500),
    ],
    ids=["events", "polling", "moving", "rotating"],
)
def test_each_picture_has_its_rows_once_equal_to_those_of_predict(
    tmp_path, tiny_model, options, count
):
    (tmp_path / "camera").mkdir()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "camera", str(count)])
    moments = random.Random(1)  # noqa: S311  (moments, not secrets)
    killed = 0
    while killed < KILLS:
        running = start(tmp_path, tiny_model, *options)
        begun = time.monotonic()
        size = size_of(tmp_path / "out")
        while size_of(tmp_path / "out") <= size and time.monotonic() < begun + 30:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.8))
        running.send_signal(signal.SIGKILL)
        killed += running.wait() == -signal.SIGKILL
    running = start(tmp_path, tiny_model, *options)
    assert writer.wait(timeout=300) == 0
    # What came after the last kill came by events, or polling; then it ends in order.
    time.sleep(2)
    running.send_signal(signal.SIGTERM)
    log = tmp_path / "log"
    assert running.wait(timeout=60) == 128 + signal.SIGTERM, log.read_text()
    own = ("--model", tiny_model, "--masks")
    done = run(tmp_path, "watch", "camera", "-o", "out", *own, *options, "--once")
    assert done.returncode == 0, done.stderr

    left = "done" if "move" in options else "camera"
    whole = run(tmp_path, "predict", left, "-o", "whole", *own, "-q")
    assert whole.returncode == 0, whole.stderr
    expected = rows(tmp_path / "whole")
    for row in expected:
        row["path"] = row["path"].replace(left, "camera")
    assert len(expected) == count
    found = rows(tmp_path / "out")
    assert len({row["path"] for row in found}) == len(found)
    assert sorted(found, key=lambda row: row["path"]) == expected
    if "--rotate" in options:
        assert len(folders(tmp_path / "out")) > KILLS
        for folder in folders(tmp_path / "out"):
            assert verify_results(folder).problems == ()
        return
    verified = run(tmp_path, "verify", "out", "--inputs", "--model", tiny_model)
    assert verified.returncode == 0, verified.stdout
    assert f"{count} pictures" in verified.stdout
