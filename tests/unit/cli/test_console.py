import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from capsule_inspect.cli import tables
from capsule_inspect.cli.console import Terminal, open_terminal
from capsule_inspect.errors import ConfigError, UsageError
from capsule_inspect.evaluation.metrics import ClassMetrics, ConfusionMatrix


@pytest.mark.parametrize("speak", ["say", "warn", "complain"])
def test_a_file_name_tells_the_terminal_nothing(speak, capfd):
    getattr(Terminal(), speak)("'no\x1b[31m\a[red].png' does not exist.\nNext line")
    assert capfd.readouterr().err.endswith("'no?[31m?[red].png' does not exist.\nNext line\n")


@pytest.mark.parametrize("name", [":warning:", "[red]x[/]", "a\\", "[link=file:x]y", "{x}", "%s"])
def test_names_are_shown_as_they_are(name, capfd):
    terminal = Terminal()
    terminal.say(name)
    terminal.mark("Problem", "red", name)
    tables.print_classes(terminal.results, [ClassMetrics(name, 3, ())])
    tables.print_confusion(terminal.results, ConfusionMatrix((name,), (name,), ((3,),)))
    shown = capfd.readouterr()
    assert shown.err == f"{name}\nProblem: {name}\n"
    assert shown.out.count(name) == 3


def test_messages_kept_off_the_terminal_are_in_the_log(capfd, tmp_path):
    log = tmp_path / "log.txt"
    with open_terminal(quiet=True, log_file=log) as terminal:
        terminal.say("said")
        terminal.warn("warned")
        terminal.note("noted")
    Terminal().say("said later")
    Terminal().note("noted later")
    assert capfd.readouterr().err == "said later\n"
    lines = [line.split(" ", 2)[2] for line in log.read_text().splitlines()]
    assert lines == ["INFO said", "WARNING warned", "INFO noted"]


def test_the_log_keeps_the_error_that_ends_the_command(tmp_path):
    log = tmp_path / "log.txt"
    with pytest.raises(ConfigError), open_terminal(log_file=log):
        raise ConfigError("There is no such setting.")
    assert log.read_text().endswith(" ERROR There is no such setting.\n")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028"])
def test_a_file_name_cannot_write_a_line_of_the_log(end, tmp_path):
    forged = f"'a{end}2026-01-01 00:00:00,000 INFO all is good\x1b[2K.png' does not exist."
    log = tmp_path / "log.txt"
    with open_terminal(quiet=True, log_file=log) as terminal:
        terminal.say(forged)
        terminal.warn(forged)
        terminal.note(forged)
    with pytest.raises(ConfigError), open_terminal(log_file=log):
        raise ConfigError(forged)
    written = log.read_bytes().decode()
    assert written.endswith("\n")
    lines = written.splitlines()
    assert [line.split(" ")[2] for line in lines] == ["INFO", "WARNING", "INFO", "ERROR"]
    said = "'a 2026-01-01 00:00:00,000 INFO all is good?[2K.png' does not exist."
    assert {line.split(" ", 3)[3] for line in lines} == {said}


def test_a_warning_is_written_once_and_none_without_a_log_file_is_lost(capfd):
    with open_terminal() as terminal:
        terminal.warn("warned")
    assert capfd.readouterr().err == "Warning: warned\n"


def test_a_log_that_cannot_be_written_any_more_ends_the_command(capfd, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    log = tmp_path / "log.txt"
    log.symlink_to("/dev/full")
    with (
        pytest.raises(UsageError, match=r"log\.txt' cannot be written any more"),
        open_terminal(log_file=log) as terminal,
    ):
        terminal.note("noted")
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture
def watch():
    """Watches pictures on a terminal, and returns what was drawn there."""

    def run(**terminal):
        drawn = StringIO()
        environment = {"TERM": terminal.pop("term", "xterm")}
        console = Console(file=drawn, _environ=environment, **terminal)
        with Terminal(messages=console).progress(40, "Waiting") as advance:
            advance(10, description="Inspecting")
            for _ in range(10):
                advance()
        return drawn.getvalue()

    return run


def test_a_person_sees_count_rate_and_time_left(watch):
    drawn = watch(force_terminal=True, width=80, color_system=None)
    assert "20/40" in drawn
    assert "Inspecting" in drawn
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
