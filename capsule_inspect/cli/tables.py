"""Tables for the terminal."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from capsule_inspect.choices import GOOD, Outcome
from capsule_inspect.runs.run import MAIN_METRICS, Run
from capsule_inspect.text import counted, on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from capsule_inspect.evaluation.agreement import Agreement, RaterMetrics
    from capsule_inspect.evaluation.evaluate import Evaluation
    from capsule_inspect.evaluation.kappa import Kappa
    from capsule_inspect.evaluation.metrics import ClassMetrics, ConfusionMatrix
    from capsule_inspect.exporting.parity import Parity
    from capsule_inspect.inference.records import Record
    from capsule_inspect.modelfile.metadata import Metric
    from capsule_inspect.settings.groups import ExportSettings


_WIDE = 75
"""Characters per line that a table of six classes needs with padding."""
_UNLIMITED = 100_000
"""Characters per line that every table fits in."""


def print_evaluation(
    results: Console,
    evaluation: "Evaluation",
    pictures: str,
    threshold: str,
    spread: "Mapping[str, float] | None" = None,
) -> None:
    """Prints the metrics, the threshold, the metrics of each class and the confusion matrix.

    Args:
        results: Where to print.
        evaluation: The evaluation.
        pictures: The pictures that were measured, in words.
        threshold: What decided, in words.
        spread: Standard deviation over seeds by metric name, if there are several seeds.
    """
    print_metrics(results, evaluation.metrics, pictures, spread)
    results.print(Text(f"{threshold}\n"), soft_wrap=False)
    print_classes(results, evaluation.per_class)
    print_confusion(results, evaluation.confusion, evaluation.seeds)


def print_outcomes(results: Console, outcomes: "Iterable[Metric]") -> None:
    """Prints which share of the good and of the defective pictures is accepted, reviewed, rejected.

    Args:
        results: Where to print.
        outcomes: The shares, with names such as `good_accept`.
    """
    shares = {metric.name: metric for metric in outcomes}
    table = _dense_table(results)
    table.add_column("pictures")
    for heading in ("n", *get_args(Outcome)):
        table.add_column(heading, justify="right", no_wrap=True)
    for kind, title in (("good", "good"), ("defect", "defective")):
        of_kind = [shares[name] for o in get_args(Outcome) if (name := f"{kind}_{o}") in shares]
        if of_kind:
            table.add_row(title, str(of_kind[0].n), *map(_two_lines, of_kind))
    results.print()
    results.print("What becomes of the pictures, with 95 % intervals", soft_wrap=False)
    results.print(table, soft_wrap=False)


def print_metrics(
    results: Console,
    metrics: "Iterable[Metric]",
    pictures: str,
    spread: "Mapping[str, float] | None" = None,
) -> None:
    """Prints metrics with their intervals.

    Args:
        results: Where to print.
        metrics: The metrics, in order.
        pictures: The pictures that were measured, in words.
        spread: Standard deviation over seeds by metric name, if there are several seeds.
    """
    table = Table(
        "metric",
        box=box.SIMPLE_HEAD,
        padding=_padding(results) if spread else (0, 1),
    )
    for heading in ("value", "95 % interval", "n"):
        table.add_column(heading, justify="right")
    if spread:
        heading = "sd over seeds" if results.width >= _WIDE else "sd over\nseeds"
        table.add_column(heading, justify="right")
    for metric in metrics:
        interval = "" if metric.low is None else f"{metric.low:.3f} to {metric.high:.3f}"
        cells = [f"{metric.value:.4f}", interval, str(metric.n)]
        table.add_row(
            Text(metric.name), *cells, *([f"{spread[metric.name]:.4f}"] if spread else [])
        )
    results.print(Text(f"Measured on {pictures}"), soft_wrap=False)
    results.print(table, soft_wrap=False)


def print_classes(results: Console, per_class: "Sequence[ClassMetrics]") -> None:
    """Prints the metrics of each class, their intervals below them.

    Args:
        results: Where to print.
        per_class: One for each class, in order.
    """
    from capsule_inspect.evaluation.metrics import CLASS_METRICS

    table = _dense_table(results)
    table.add_column("class", overflow="fold", min_width=6)
    for name in ("n", *CLASS_METRICS):
        # For good pictures it should be low, so the heading must say what it counts.
        heading = "defective" if name == "presence" else name
        table.add_column(heading, justify="right", no_wrap=True)
    for each in per_class:
        cells = {metric.name: _two_lines(metric) for metric in each.metrics}
        table.add_row(
            Text(each.name), str(each.n), *(cells.get(name, "") for name in CLASS_METRICS)
        )
    results.print("By class, with 95 % intervals", soft_wrap=False)
    results.print(table, soft_wrap=False)


def print_confusion(results: Console, confusion: "ConfusionMatrix", seeds: int = 1) -> None:
    """Prints the confusion matrix; a count of 0 is a dot.

    Where the names do not fit into the heading, an empty column `no_capsule` is left out, and if
    that is not enough, the classes are numbered.

    Args:
        results: Where to print.
        confusion: The matrix.
        seeds: The number of seeds that it sums.
    """
    table = _confusion_table(results, confusion, confusion.columns, confusion.rows)
    if not _fits(results, table):
        confusion = confusion.without_empty_column()
        table = _confusion_table(results, confusion, confusion.columns, confusion.rows)
    if not _fits(results, table):
        numbers = [f"{number}" for number, _ in enumerate(confusion.columns, 1)]
        named = [f"{number} {name}" for number, name in zip(numbers, confusion.rows, strict=False)]
        table = _confusion_table(results, confusion, numbers, named)
        others = zip(numbers[len(named) :], confusion.columns[len(named) :], strict=True)
        table.caption = Text(", ".join(f"{number}: {name}" for number, name in others))
    results.print()
    heading = "Pictures by true class (rows) and decided class (columns)"
    summed = f", summed over {seeds} seeds" if seeds > 1 else ""
    results.print(f"{heading}{summed}", soft_wrap=False)
    results.print(table, soft_wrap=False)


def _fits(results: Console, table: Table) -> bool:
    unlimited = results.options.update(max_width=_UNLIMITED)
    return results.measure(table, options=unlimited).maximum <= results.width


def _confusion_table(
    results: Console,
    confusion: "ConfusionMatrix",
    columns: Sequence[str],
    rows: Sequence[str],
) -> Table:
    table = _dense_table(results)
    table.add_column("", overflow="fold")
    for name in columns:
        table.add_column(Text(name), justify="right", overflow="fold")
    never = "." if results.options.ascii_only else "·"
    for name, counts in zip(rows, confusion.counts, strict=True):
        table.add_row(Text(name), *(str(count) if count else never for count in counts))
    return table


def _dense_table(console: Console) -> Table:
    """Returns a table with a column for each class or metric, which must fit on a line."""
    return Table(
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
        padding=_padding(console),
    )


def _padding(console: Console) -> tuple[int, int]:
    """Returns the padding of cells; none on a narrow terminal, where columns would lose text."""
    return (0, 1) if console.width >= _WIDE else (0, 0)


def _two_lines(metric: "Metric | Kappa") -> str:
    # One picture has no spread to estimate an interval from.
    known = metric.low is not None and metric.low != metric.high
    interval = f"\n{metric.low:.2f}-{metric.high:.2f}" if known else ""
    return f"{metric.value:.3f}{interval}"


def print_agreement(results: Console, agreement: "Agreement") -> None:
    """Prints the model beside human inspectors: their rates, and kappa on good or defective.

    Args:
        results: Where to print.
        agreement: The comparison.
    """
    from capsule_inspect.evaluation.knapp import describe_criterion

    table = _dense_table(results)
    table.add_column("\nrater", overflow="fold", min_width=6)
    for above, below in (
        ("", "n"),
        ("", "accuracy"),
        ("miss", "rate"),
        ("false", "alarms"),
        ("kappa", "truth"),
        ("kappa", "model"),
    ):
        table.add_column(f"{above}\n{below}", justify="right", no_wrap=True)
    for rater in agreement.raters:
        table.add_row(Text(on_one_line(rater.name)), str(rater.n), *_rater_cells(agreement, rater))
    people = counted(len(agreement.inspectors), "inspector")
    pictures = counted(agreement.pictures, "picture")
    left_out = f"; {agreement.left_out} verdicts on others left out" if agreement.left_out else ""
    results.print()
    results.print(f"The model beside {people} on {pictures}{left_out}", soft_wrap=False)
    results.print(table, soft_wrap=False)
    results.print(describe_criterion(agreement.zones), soft_wrap=False)


def _rater_cells(agreement: "Agreement", rater: "RaterMetrics") -> Iterator[str]:
    from capsule_inspect.evaluation.inspectors import MODEL, TRUTH

    metrics = {metric.name: metric for metric in rater.metrics}
    for name in ("accuracy", "miss_rate", "false_alarm_rate"):
        yield _two_lines(metrics[name]) if name in metrics else _UNKNOWN
    for other in (TRUTH, MODEL):
        pair = agreement.pair(other, rater.name, "presence")
        yield _two_lines(pair.kappa) if pair and pair.kappa else _UNKNOWN


_UNKNOWN = "-"
"""What stands where a value is not defined."""


def print_parity(
    results: Console, parity: "Parity", runtime: str, limits: "ExportSettings"
) -> None:
    """Prints how a model file compares with the network it came from, and the limits.

    Args:
        results: Where to print.
        parity: The comparison.
        runtime: The runtime that executed the file.
        limits: The limits that the comparison is held to.
    """
    table = Table(
        "comparison",
        title=f"{parity.pictures} pictures, network against {runtime}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("value", justify="right")
    table.add_column("limit", justify="right")
    table.add_row("same label", f"{parity.agreement:.2%}", f"at least {limits.min_agreement:.2%}")
    for gap in parity.gaps:
        table.add_row(f"{gap.name}: mean difference", f"{gap.mean:.4f}")
        table.add_row(f"{gap.name}: largest difference", f"{gap.largest:.4f}")
    if parity.dice_before is not None and parity.dice_after is not None:
        table.add_row("Dice of the network", f"{parity.dice_before:.4f}")
        table.add_row("Dice of the file", f"{parity.dice_after:.4f}")
        table.add_row(
            "fall of Dice", f"{parity.dice_drop:.4f}", f"at most {limits.max_dice_drop:.4f}"
        )
    results.print(table)


_WIDE_ROWS = 100
"""Characters per line that leave room for paths beside headings on one line."""


def print_rows(results: Console, records: "Sequence[Record]") -> None:
    """Prints the rows of `predict`, those of every picture.

    Args:
        results: Where to print.
        records: The rows, in order.
    """
    is_wide = results.width >= _WIDE_ROWS
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=not is_wide)
    table.add_column("picture", overflow="fold")
    table.add_column("label", no_wrap=True)
    for name in ("confidence", "defect score", "defect area"):
        heading = name if is_wide else name.replace(" ", "\n")
        table.add_column(heading, justify="right", no_wrap=True)
    for record in records:
        colour = "green" if record.label == GOOD else "red"
        area = record.defect_area_pct
        table.add_row(
            Text.assemble(on_one_line(record.path), *_error(record)),
            Text(record.label or record.status.replace("_", " "), colour),
            "" if record.confidence is None else f"{record.confidence:.3f}",
            "" if record.defect_score is None else f"{record.defect_score:.3f}",
            "" if area is None else f"{area:.2f} %",
        )
    results.print(table, soft_wrap=False)


def _error(record: "Record") -> Iterator[tuple[str, str]]:
    if record.error:
        yield f"\n{on_one_line(record.error)}", "dim"


_WIDTH = 80
_HEADS = {
    "accuracy": ("", "accuracy"),
    "defect_only_accuracy": ("defect", "only"),
    "presence_accuracy": ("", "presence"),
    "average_precision": ("avg", "prec"),
    "miss_rate": ("miss", "rate"),
    "false_alarm_rate": ("false", "alarm"),
}
"""Short names of metrics, on two lines; other metrics are split at their underscore."""


def print_runs(results: Console, runs: Sequence[Run], root: Path, sorted_by: str | None) -> None:
    """Prints runs, two lines for each: its folder, then when it began and its metrics.

    Args:
        results: Where to print.
        runs: The runs, in order.
        root: The folder that was searched; paths are shown relative to it.
        sorted_by: The metric that sorts them, if any; it comes first.
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
    # Leave the command out if the folder already names it.
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
    """Returns a text on the left, and on the right cells below the metrics' headings."""
    right = "".join(
        cell.rjust(1 + max(5, *map(len, _head(name))))
        for cell, name in zip(cells, shown, strict=True)
    )
    return left.ljust(_WIDTH - len(right)) + right if right.strip() else left


def _head(metric: str) -> tuple[str, str]:
    """Returns the two lines of a metric's heading."""
    words = metric.split("_", 1)
    return _HEADS.get(metric) or (("", metric) if len(words) == 1 else (words[0], words[1]))
