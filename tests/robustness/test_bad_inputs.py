import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from capsule_inspect.inference.records import read_records


@pytest.mark.parametrize(
    "name",
    [
        "=1+1.png",
        "=cmd().png",
        "a\nb.png",
        'q"u,o.png',
        "é裂.png",
        "'x'.png",
        "-n.png",
        "n" * 251 + ".png",
    ],
    ids=lambda name: repr(name[:12]),
)
def test_strange_names_come_through(invoke, paint, tmp_path, tiny_model, name):
    path = paint(tmp_path / "in" / name, "crack")
    out = tmp_path / "out"
    result = invoke("predict", path.parent, "-o", out, "--model", tiny_model, "--masks", "--table")
    assert result.exit_code == 0
    (row,) = read_records(out / "predictions.csv")
    assert row.path == str(path)
    assert (out / row.overlay).is_file()
    assert (out / row.mask).is_file()


def test_a_name_that_is_not_text_comes_through(invoke, paint, tmp_path, tiny_model):
    path = paint(tmp_path / "in/caf\udce9.png", "good")
    out = tmp_path / "out"
    for form in ("--json", "--table"):
        result = invoke("predict", path, "-o", out / form[2:], "--model", tiny_model, form)
        assert result.exit_code == 0
    (row,) = read_records(out / "json/predictions.csv")
    assert row.path == rf"{tmp_path}/in/caf\udce9.png"
    assert (out / "json" / row.overlay).is_file()


def damaged(whole: bytes, how: str) -> bytes:
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 1
    return {
        "truncated": whole[: len(whole) // 2],
        "end cut": whole[:-1],
        "bit flipped": bytes(flipped),
        "empty": b"",
        "text": b"not a model\n" * 100,
        "bare flatbuffer": whole[: whole.rindex(b"PK\x03\x04")],
        "picture": cv2.imencode(".png", np.zeros((9, 9), np.uint8))[1].tobytes(),
    }[how]


@pytest.mark.parametrize(
    "how", ["truncated", "end cut", "bit flipped", "empty", "text", "bare flatbuffer", "picture"]
)
def test_a_model_that_is_not_whole_and_ours_is_refused(invoke, paint, tmp_path, tiny_model, how):
    path = paint(tmp_path / "in/a.png")
    model = tmp_path / "bad.tflite"
    model.write_bytes(damaged(tiny_model.read_bytes(), how))
    result = invoke("predict", path, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 2
    assert result.err.startswith("Error: ")
    assert len(result.err.splitlines()) == 1
    assert "bad.tflite" in result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["none.tflite", "."])
def test_a_model_that_is_no_file_is_refused(invoke, paint, tmp_path, model):
    path = paint(tmp_path / "in/a.png")
    result = invoke("predict", path, "-o", tmp_path / "out", "--model", tmp_path / model)
    assert result.exit_code == 2
    assert len(result.err.splitlines()) == 1
    assert str(tmp_path / model) in result.err


def test_an_interrupt_ends_with_130_and_a_sentence(paint, tmp_path, tiny_model):
    for number in range(8):
        paint(tmp_path / f"in/{number}.png")
    # The third picture is read from a process that is interrupted while it does so.
    code = """
import os, signal, sys
from capsule_inspect.cli.app import main
from capsule_inspect.inference import inspect_picture
# A shell that starts its jobs in the background has them ignore interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
read, seen = inspect_picture.decode_picture, []
def decode_picture(*arguments):
    seen.append(arguments)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    return read(*arguments)
inspect_picture.decode_picture = decode_picture
main(sys.argv[1:])
"""
    out = tmp_path / "out"
    arguments = ["predict", tmp_path / "in", "-o", out, "--model", tiny_model]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 130
    stopped = re.search(r"Stopped after (\d) of 8 files.* --resume", done.stderr.replace("\n", " "))
    assert stopped
    assert "Traceback" not in done.stderr
    assert len(read_records(out / "predictions.csv")) == int(stopped[1])


@pytest.mark.parametrize("arguments", [["x" * 300], ["a\0*"], ["@" + "x" * 300]])
def test_names_that_cannot_be_are_sentences(invoke, tmp_path, tiny_model, arguments):
    done = invoke("predict", *arguments, "-o", tmp_path / "out", "--model", tiny_model)
    assert done.exit_code == 2
    assert done.err.startswith("Error: ")


@pytest.mark.parametrize(("overlay_format", "width"), [("webp", 16_400), ("jpg", 66_000)])
def test_what_a_format_cannot_hold_has_no_overlay(
    invoke, tmp_path, tiny_model, overlay_format, width
):
    (tmp_path / "in").mkdir()
    data = cv2.imencode(".png", np.full((60, width, 3), (0, 0, 255), np.uint8))[1].tobytes()
    (tmp_path / "in/wide.png").write_bytes(data)
    out = tmp_path / "out"
    options = ("--overlay-format", overlay_format, "--model", tiny_model)
    assert invoke("predict", tmp_path / "in", "-o", out, *options).exit_code == 0
    (row,) = read_records(out / "predictions.csv")
    assert row.status == "ok"
    assert (row.overlay, str(width) in row.warning) == ("", True)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_overlays_and_folders_do_not_get_in_each_others_way(
    invoke, paint, tmp_path, tiny_model, extension
):
    paint(tmp_path / "in/a.png")
    paint(tmp_path / f"in/a.png.{extension}/b.png")
    out, options = tmp_path / "out", ("-r", "--overlay-format", extension, "--model", tiny_model)
    assert invoke("predict", tmp_path / "in", "-o", out, *options).exit_code == 0
    overlays = {row.overlay for row in read_records(out / "predictions.csv")}
    assert len(overlays) == 2
    assert all((out / overlay).is_file() for overlay in overlays)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_log_and_rows_is_a_sentence(paint, tmp_path, tiny_model):
    paint(tmp_path / "in/a.png")
    command = [sys.executable, "-m", "capsule_inspect", "predict", str(tmp_path / "in")]
    for number, options in enumerate((["--log-file", "/dev/full", "-v"], ["--json"])):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*command, "-o", str(tmp_path / f"{number}"), "--model", str(tiny_model), *options],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,
            )
        assert done.returncode == 2, done.stderr
        assert done.stderr.splitlines()[-1].startswith("Error: The ")
        assert "Traceback" not in done.stderr
