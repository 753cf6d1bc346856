"""The table of `capsule-inspect runs`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.text import Text

from capsule_inspect.cli.console import results
from capsule_inspect.on_one_line import on_one_line
from capsule_inspect.runs.run import Run
from capsule_inspect.runs.sort_runs import MAIN_METRICS

_WIDTH = 80
_HEADS = {
    "accuracy": ("", "accuracy"),
    "defect_only_accuracy": ("defect", "only"),
    "presence_accuracy": ("", "presence"),
    "average_precision": ("avg", "prec"),
    "miss_rate": ("miss", "rate"),
    "false_alarm_rate": ("false", "alarm"),
}
"""What metrics are called where there is little room; others by their own words."""


def print_runs(runs: Sequence[Run], root: Path, sorted_by: str | None) -> None:
    """Prints runs to stdout, two lines for each: its folder, then when it began and its metrics.

    Args:
        runs: The runs, in order.
        root: The folder they were found in; paths are shown relative to it.
        sorted_by: The metric they are sorted by, which is shown first.
    """
    others = [name for name in MAIN_METRICS if name != sorted_by]
    shown = [sorted_by, *others][: len(MAIN_METRICS)] if sorted_by else others
    for line in (*_header(shown), Text("─" * _WIDTH)):
        results.print(line)
    for run in runs:
        for line in _lines(run, root, shown):
            results.print(line, soft_wrap=False, overflow="fold")


def _header(shown: Sequence[str]) -> Iterator[Text]:
    upper, lower = zip(*map(_head, shown), strict=True)
    yield Text(_columns("", upper, shown), "bold")
    yield Text(_columns("run", lower, shown), "bold")


def _lines(run: Run, root: Path, shown: Sequence[str]) -> Iterator[Text]:
    found, place = run.status, run.path.relative_to(root)
    # Where the folder says which command it is of, it need not be said again.
    said = run.command if place.parts[:1] != (run.command,) else ""
    late = found.note if found.metrics and found.state == "unfinished" else ""
    facts = on_one_line(", ".join(filter(None, (said, found.state, late))))
    name = on_one_line(place.as_posix() if place.parts else run.name)
    yield Text.assemble((name, "bold"), f"  {facts}" if facts else "")
    values = [run.value(name) for name in shown]
    numbers = ["" if value is None else f"{value:.3f}" for value in values]
    about = on_one_line(found.measured_on if any(numbers) else found.note)
    yield Text(_columns(f"  {run.began:%Y-%m-%d %H:%M} {about}", numbers, shown).rstrip())


def _columns(left: str, cells: Sequence[str], shown: Sequence[str]) -> str:
    """Puts cells below the metrics' heads, at the right, and a text before them."""
    right = "".join(
        cell.rjust(1 + max(5, *map(len, _head(name))))
        for cell, name in zip(cells, shown, strict=True)
    )
    return left.ljust(_WIDTH - len(right)) + right if right.strip() else left


def _head(metric: str) -> tuple[str, str]:
    """Returns the two lines of a metric's head."""
    words = metric.split("_", 1)
    return _HEADS.get(metric) or (("", metric) if len(words) == 1 else (words[0], words[1]))
