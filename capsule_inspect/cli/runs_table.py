"""The table of `capsule-inspect runs`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from capsule_inspect.runs.run import Run

_HEADS = {
    "accuracy": "accuracy",
    "defect_only_accuracy": "defect\nonly",
    "presence_accuracy": "presence",
    "dice": "dice",
    "miss_rate": "miss\nrate",
    "false_alarm_rate": "false\nalarm",
}
"""What the metrics are called where there is little room."""


def print_runs(runs: "Sequence[Run]", root: Path, sorted_by: str | None) -> None:
    """Prints runs to stdout, with their main metrics; it fits 80 columns.

    Args:
        runs: The runs, in order.
        root: The folder they were found in; paths are shown relative to it.
        sorted_by: The metric they are sorted by, which is shown first.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from capsule_inspect.cli.console import results
    from capsule_inspect.runs.sort_runs import MAIN_METRICS

    others = [name for name in MAIN_METRICS if name != sorted_by]
    shown = [sorted_by, *others][: len(MAIN_METRICS)] if sorted_by else others
    table = Table(
        title=f"Runs in {escape(str(root))}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("run", overflow="fold", ratio=1)
    for name in shown:
        head = _HEADS.get(name, name.replace("_", "\n"))
        table.add_column(head, justify="right", no_wrap=True)
    for run in runs:
        values = [run.value(name) for name in shown]
        cells = ["" if value is None else f"{value:.3f}" for value in values]
        table.add_row(_describe(run, root), *cells)
    results.print(table)


def _describe(run: "Run", root: Path) -> "Text":
    """Returns the folder of a run, and below it what else is to be said."""
    from rich.text import Text

    found = run.findings
    place = run.path.relative_to(root).as_posix() if run.path != root else run.path.name or "."
    when = f"{run.began:%Y-%m-%d %H:%M}"
    facts = " ".join(filter(None, (run.command, when, found.state)))
    lines = [facts, *filter(None, (found.note, found.measured_on))]
    return Text.assemble((place, "bold"), *(f"\n  {line}" for line in lines))
