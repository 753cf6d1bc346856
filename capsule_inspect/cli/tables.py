"""Tables that several commands print."""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from capsule_inspect.cli.console import results

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from capsule_inspect.evaluation.confusion_matrix import ConfusionMatrix
    from capsule_inspect.evaluation.evaluate import Evaluation
    from capsule_inspect.evaluation.per_class import ClassMetrics
    from capsule_inspect.modelfile.metric import Metric

_WIDE = 75
"""Characters to a line that let a table of six classes stand at its ease."""


def print_evaluation(
    evaluation: "Evaluation", pictures: str, spread: "Mapping[str, float] | None" = None
) -> None:
    """Prints the metrics, those of each class and the confusion matrix to stdout.

    Args:
        evaluation: What was measured.
        pictures: Which pictures it was measured on.
        spread: Standard deviation over seeds by metric name, where there are several.
    """
    print_metrics(evaluation.metrics, pictures, spread)
    print_classes(evaluation.per_class)
    print_confusion(evaluation.confusion, evaluation.seeds)


def print_metrics(
    metrics: "Iterable[Metric]", pictures: str, spread: "Mapping[str, float] | None" = None
) -> None:
    """Prints metrics with their intervals to stdout.

    Args:
        metrics: The metrics, in order.
        pictures: Which pictures they were measured on.
        spread: Standard deviation over seeds by metric name, where there are several.
    """
    table = Table(
        "metric",
        box=box.SIMPLE_HEAD,
        padding=_padding(results) if spread else (0, 1),
    )
    for name in ("value", "95 % interval", "n"):
        table.add_column(name, justify="right")
    if spread:
        heading = "sd over seeds" if results.width >= _WIDE else "sd over\nseeds"
        table.add_column(heading, justify="right")
    for metric in metrics:
        interval = "" if metric.low is None else f"{metric.low:.3f} to {metric.high:.3f}"
        cells = [escape(metric.name), f"{metric.value:.4f}", interval, str(metric.n)]
        table.add_row(*cells, *([f"{spread[metric.name]:.4f}"] if spread else []))
    results.print(f"Measured on {escape(pictures)}", soft_wrap=False)
    results.print(table, soft_wrap=False)


def print_classes(per_class: "Sequence[ClassMetrics]") -> None:
    """Prints the metrics of each class, their intervals below them, to stdout.

    Args:
        per_class: One for each class, in order.
    """
    from capsule_inspect.evaluation.per_class import CLASS_METRICS

    table = Table(
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
        padding=_padding(results),
    )
    table.add_column("class", overflow="fold", min_width=6)
    for name in ("n", *CLASS_METRICS):
        # Of good pictures a share that should be low, so its name must say which.
        heading = "defective" if name == "presence" else name
        table.add_column(heading, justify="right", no_wrap=True)
    for each in per_class:
        cells = {metric.name: _two_lines(metric) for metric in each.metrics}
        table.add_row(
            escape(each.name), str(each.n), *(cells.get(name, "") for name in CLASS_METRICS)
        )
    results.print("By class, with 95 % intervals", soft_wrap=False)
    results.print(table, soft_wrap=False)


def print_confusion(confusion: "ConfusionMatrix", seeds: int = 1) -> None:
    """Prints the confusion matrix to stdout; what never happened is a dot.

    Args:
        confusion: The matrix.
        seeds: Over how many seeds it is summed.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
        padding=_padding(results),
    )
    table.add_column("", overflow="fold")
    for name in confusion.columns:
        table.add_column(escape(name), justify="right", overflow="fold")
    never = "." if results.options.ascii_only else "·"
    for name, counts in zip(confusion.rows, confusion.counts, strict=True):
        table.add_row(escape(name), *(str(count) if count else never for count in counts))
    results.print()
    heading = "Pictures by true class (rows) and decided class (columns)"
    summed = f", summed over {seeds} seeds" if seeds > 1 else ""
    results.print(f"{heading}{summed}", soft_wrap=False)
    results.print(table, soft_wrap=False)


def _padding(console: Console) -> tuple[int, int]:
    """Returns the padding of cells: none where it would cost a column its text."""
    return (0, 1) if console.width >= _WIDE else (0, 0)


def _two_lines(metric: "Metric") -> str:
    # The mean of one picture has no spread to tell an interval by.
    known = metric.low is not None and metric.low != metric.high
    interval = f"\n{metric.low:.2f}-{metric.high:.2f}" if known else ""
    return f"{metric.value:.3f}{interval}"
