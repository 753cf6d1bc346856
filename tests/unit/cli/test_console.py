import re
from io import StringIO

import pytest
from rich.console import Console

from capsule_inspect.cli import console
from capsule_inspect.cli import console as progress


@pytest.mark.parametrize("speak", [console.say, console.warn, console.complain])
def test_a_file_name_tells_the_terminal_nothing(speak, capfd, monkeypatch):
    monkeypatch.setattr(console, "_logs", [])
    speak("'no\x1b[31m\a[red].png' does not exist.\nNext line")
    assert capfd.readouterr().err.endswith("'no?[31m?[red].png' does not exist.\nNext line\n")


def test_messages_kept_off_the_terminal_are_in_the_log(capfd, tmp_path):
    log = tmp_path / "log.txt"
    with console.speaking(quiet=True, log_file=log):
        console.say("said")
        console.warn("warned")
    console.say("said later")
    assert capfd.readouterr().err == "said later\n"
    lines = [line.split(" ", 2)[2] for line in log.read_text().splitlines()]
    assert lines == ["INFO said", "WARNING warned"]


@pytest.fixture
def watch(monkeypatch):
    """Watches pictures on a terminal, and returns what was drawn there."""

    def run(**terminal):
        drawn = StringIO()
        environment = {"TERM": terminal.pop("term", "xterm")}
        console = Console(file=drawn, _environ=environment, **terminal)
        monkeypatch.setattr(progress, "messages", console)
        with progress.progress_bar() as bar:
            task = bar.add_task("Inspecting", total=40)
            for _ in range(20):
                bar.advance(task)
                bar.refresh()
        return drawn.getvalue()

    return run


def test_a_person_sees_count_rate_and_time_left(watch):
    drawn = watch(force_terminal=True, width=80, color_system=None)
    assert "20/40" in drawn
    assert "pictures/s" in drawn
    assert "left" in drawn


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_bar_keeps_to_one_line(watch, width):
    drawn = watch(force_terminal=True, width=width, color_system=None)
    shown = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", drawn)
    lines = [line for line in re.split(r"[\r\n]", shown) if "20/40" in line]
    assert lines
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("terminal", [{"force_terminal": False}, {"term": "dumb"}])
def test_where_no_bar_can_be_drawn_nothing_is(watch, terminal):
    assert watch(width=80, **{"force_terminal": True, **terminal}) == ""
