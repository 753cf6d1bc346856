"""Output to a terminal, a pipe and an old encoding; each command is a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COLOUR = re.compile(r"\x1b\[(?:\d+;)*[349]\d(?:;\d+)*m")


def environment(**changes: str) -> dict[str, str]:
    hidden = {"NO_COLOR", "TERM", "COLUMNS", "TTY_COMPATIBLE", "FORCE_COLOR"}
    return {**{k: v for k, v in os.environ.items() if k not in hidden}, **changes}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "capsule_inspect", *map(str, arguments)]


@pytest.fixture
def on_terminal() -> Callable[..., str]:
    """Runs a command whose output goes to a terminal, and returns all that came there."""
    pty = pytest.importorskip("pty")

    def run(*arguments: object, **changes: str) -> str:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            command(*arguments), stdout=theirs, stderr=theirs, env=environment(**changes)
        ):
            os.close(theirs)
            shown = b""
            try:
                while part := os.read(ours, 65536):
                    shown += part
            except OSError:  # Linux's word for the end
                pass
        os.close(ours)
        return shown.decode()

    return run


@pytest.mark.parametrize("arguments", [("--help",), ("info", "none.tflite")])
def test_a_terminal_gets_colours_unless_it_says_otherwise(arguments, on_terminal):
    assert COLOUR.search(on_terminal(*arguments, TERM="xterm-256color", COLUMNS="80"))
    plain = on_terminal(*arguments, TERM="xterm-256color", COLUMNS="80", NO_COLOR="1")
    assert not COLOUR.search(plain)
    assert "\x1b" not in on_terminal(*arguments, TERM="dumb", COLUMNS="80")


def test_a_bar_is_drawn_on_a_terminal_and_leaves_nothing_behind(
    on_terminal, paint, tiny_model, tmp_path
):
    paint(tmp_path / "pictures" / "a.png")
    arguments = ("predict", tmp_path / "pictures", "-o", tmp_path / "out", "--model", tiny_model)
    shown = on_terminal(*arguments, TERM="xterm", COLUMNS="80", NO_COLOR="1")
    assert "Inspecting" in shown
    _, last = shown.split("1 picture: 1 ")
    assert "Inspecting" not in last
    # Lines are broken between words, but for a path that is longer than they are.
    assert "Results:" in last
    dumb = on_terminal(*arguments, "--overwrite", TERM="dumb", COLUMNS="80")
    assert "Inspecting" not in dumb


@pytest.mark.parametrize("arguments", [("--help",), ("info",), ("info", "none.tflite"), ("nope",)])
def test_a_pipe_gets_no_escapes(arguments):
    ended = subprocess.run(
        command(*arguments), capture_output=True, check=False, env=environment(TERM="xterm")
    )
    assert ended.stdout + ended.stderr
    assert b"\x1b" not in ended.stdout + ended.stderr


def test_what_an_old_encoding_lacks_is_spelled(tiny_model: Path, tmp_path: Path):
    model = tmp_path / "prüfung-日.tflite"
    shutil.copyfile(tiny_model, model)
    ended = subprocess.run(
        command("info", model),
        capture_output=True,
        check=False,
        env=environment(PYTHONIOENCODING="cp1252", PYTHONUTF8="1", COLUMNS="200"),
    )
    assert ended.returncode == 0, ended.stderr
    assert "prüfung-\\u65e5.tflite" in ended.stdout.decode("cp1252")
