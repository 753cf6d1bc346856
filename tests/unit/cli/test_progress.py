import re
from io import StringIO

import pytest
from rich.console import Console

from capsule_inspect.cli import progress


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
