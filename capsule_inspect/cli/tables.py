"""Tables that several commands print."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from capsule_inspect.modelfile.metadata import Metric


def print_metrics(metrics: "Iterable[Metric]", pictures: str) -> None:
    """Prints metrics with their intervals to stdout.

    Args:
        metrics: The metrics, in order.
        pictures: Which pictures they were measured on.
    """
    from rich import box
    from rich.table import Table

    from capsule_inspect.cli.console import results

    table = Table(
        "metric", title=f"Measured on {pictures}", box=box.SIMPLE_HEAD, title_justify="left"
    )
    for name in ("value", "95 % interval", "n"):
        table.add_column(name, justify="right")
    for metric in metrics:
        interval = "" if metric.low is None else f"{metric.low:.3f} to {metric.high:.3f}"
        table.add_row(metric.name, f"{metric.value:.4f}", interval, str(metric.n))
    results.print(table)
