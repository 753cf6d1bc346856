"""A run that is killed at any moment, resumed: the same as one that was not."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

COUNT = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """300 small pictures of one colour each, some large, some that are none."""
    folder = tmp_path_factory.mktemp("many")
    random_colours = np.random.default_rng(0)
    for number in range(COUNT):
        path = folder / f"{number:03}.png"
        if number % 29 == 7:
            path.write_bytes(b"no picture")
            continue
        shape = (300, 900, 3) if number % 5 == 0 else (32, 96, 3)
        picture = np.full(shape, random_colours.integers(0, 256, 3), np.uint8)
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


def start(folder: Path, out: Path, model: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "capsule_inspect", "predict", folder, "-o", out]
    command += ["--model", model, "--masks", *options]
    return subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE)


def end(run: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Waits for a run; returns its exit code and what it said."""
    _, said = run.communicate(timeout=120)
    return run.returncode, said.decode()


def contents(out: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(out)): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


@pytest.mark.slow
def test_killed_at_twenty_moments_it_ends_as_if_it_had_not_been(folder, tmp_path, tiny_model):
    whole = tmp_path / "whole"
    begun = time.monotonic()
    assert end(start(folder, whole, tiny_model))[0] == 3
    seconds = time.monotonic() - begun
    expected = contents(whole)
    assert len(expected["predictions.csv"].splitlines()) == COUNT + 1

    moments = np.random.default_rng(1)
    killed = 0
    for number in range(20):
        out = tmp_path / f"killed-{number}"
        run = start(folder, out, tiny_model)
        time.sleep(moments.uniform(0.2, 0.9) * seconds)
        run.send_signal(signal.SIGKILL)
        killed += end(run)[0] == -signal.SIGKILL
        code, said = end(start(folder, out, tiny_model, "--resume"))
        assert code == 3, said
        assert contents(out) == expected
    assert killed >= 10  # or the moments came too late to show anything


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupt_ends_within_two_seconds_with_130_and_the_way_on(tmp_path, tiny_model):
    # Noise takes long to read, so that there is time to interrupt whatever the machine; without
    # overlays no busy disk is waited for.
    noise = np.random.default_rng(2).integers(0, 256, (1500, 1500, 3), np.uint8)
    (tmp_path / "noise.png").write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    folder, out = tmp_path / "many", tmp_path / "out"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number:02}.png").symlink_to(tmp_path / "noise.png")
    run = start(folder, out, tiny_model, "--no-overlays")
    while not (out / "predictions.csv").exists() and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    begun = time.monotonic()
    code, said = end(run)
    assert time.monotonic() - begun < 2
    assert code == 130
    assert "--resume" in said
    assert "Traceback" not in said
    assert end(start(folder, out, tiny_model, "--no-overlays", "--resume"))[0] == 0
    assert len((out / "predictions.csv").read_text().splitlines()) == 101


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise")
def test_a_reader_that_leaves_ends_the_printing_and_not_the_work(folder, tmp_path, tiny_model):
    command = [sys.executable, "-m", "capsule_inspect", "predict", folder, "-o", tmp_path / "out"]
    with subprocess.Popen(
        [*map(str, command), "--model", str(tiny_model), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert json.loads(running.stdout.readline())["status"] == "ok"
        running.stdout.close()
        said = running.stderr.read()
        assert running.wait(timeout=60) == 3  # some files are no pictures
    assert b"Traceback" not in said
    assert b"Broken pipe" not in said
    assert len((tmp_path / "out/predictions.csv").read_text().splitlines()) == COUNT + 1
