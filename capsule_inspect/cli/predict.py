"""`capsule-inspect predict`: pictures → labels, overlays and masks."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from capsule_inspect.cli.options import ConfigDir, PrintConfig, RuntimeChoice, settings_from
from capsule_inspect.errors import (
    ConditionNotMetError,
    InterruptedRunError,
    ModelFileError,
    PartialFailureError,
    UsageError,
)

if TYPE_CHECKING:
    from rich.table import Table

    from capsule_inspect.inference.batch import BatchSummary
    from capsule_inspect.inference.inspector import Inspector
    from capsule_inspect.inference.records import Record

SHIPPED_MODEL = Path(__file__).parent.parent / "assets" / "capsule.tflite"

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.]*=")


def predict(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    inputs: Annotated[
        Optional[list[str]],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Argument(
            metavar="INPUTS... [KEY=VALUE]",
            help="Picture files, folders and quoted patterns such as 'line-*/*.png'; then settings "
            "to change, such as predict.threads=2.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option(
            "-o",
            "--out",
            help="The folder for the results, new or empty; runs/predict/DATE-TIME if not given.",
            show_default=False,
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Look into subfolders, too.")
    ] = False,
    model: Annotated[
        Optional[Path],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option(help="A model made by export-tflite, instead of the one that ships."),
    ] = None,
    threshold: Annotated[
        Optional[float],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option(
            metavar="0..1",
            help="Capsules with at least this defect score are defective; else the model decides.",
        ),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="Write masks of the defects.")] = False,
    no_overlays: Annotated[
        bool, typer.Option("--no-overlays", help="Do not write pictures with the findings.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the rows as JSON lines, too.")
    ] = False,
    as_table: Annotated[
        bool, typer.Option("--table", help="Print the results as a table, too.")
    ] = False,
    fail_on_defect: Annotated[
        bool,
        typer.Option(
            "--fail-on-defect",
            help="End with exit code 1 if a capsule is defective or a picture shows none.",
        ),
    ] = False,
    runtime: Annotated[
        RuntimeChoice, typer.Option(help="What executes the model.")
    ] = RuntimeChoice.AUTO,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say which model, runtime and threshold.")
    ] = False,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Find the defects on the capsules of pictures.

    Writes predictions.csv with a row for each capsule, and a picture with the findings drawn in for
    each input. Exit code 3 says that some files could not be read; their rows say why.
    """
    named, overrides = split_arguments(inputs or [])
    settings = settings_from(overrides, config_dir, print_config).predict
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold is {threshold}, but must lie between 0 and 1.")
    if as_json and as_table:
        raise UsageError("--json and --table both print to stdout. Give one of them.")
    out = out or Path("runs", "predict", time.strftime("%Y%m%d-%H%M%S"))
    with _interruptible():
        from capsule_inspect.cli.progress import watch_pictures
        from capsule_inspect.inference.batch import Wanted, inspect_batch, require_empty
        from capsule_inspect.inference.inputs import expand_inputs

        start = time.monotonic()
        require_empty(out)
        pictures = expand_inputs(named, recursive)
        inspector = _load(model, threshold, runtime, settings.threads, verbose)
        printer = _Printer(inspector.classes, as_json, as_table)
        with watch_pictures(len(pictures), "Inspecting") as advance:

            def on_picture(records: "Sequence[Record]") -> None:
                printer.take(records)
                advance()

            summary = inspect_batch(
                inspector,
                pictures,
                out,
                Wanted(overlays=not no_overlays, masks=masks),
                round(settings.max_megapixels * 1e6),
                on_picture,
            )
        printer.finish()
    counts = _describe(summary, inspector.classes)
    seconds = time.monotonic() - start
    results = (out / "predictions.csv").resolve()
    _conclude(summary, f"{counts} in {seconds:.1f} s. Results: {results}", fail_on_defect)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tells inputs from overrides: `KEY=VALUE` is an override unless such a file exists."""
    overrides = [a for a in arguments if _OVERRIDE.match(a) and not Path(a).exists()]
    return [a for a in arguments if a not in overrides], overrides


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError("Stopped before the first file was inspected.") from None


def _load(
    model: Path | None, threshold: float | None, runtime: RuntimeChoice, threads: int, verbose: bool
) -> "Inspector":
    from capsule_inspect.inference.inspector import Inspector
    from capsule_inspect.modelfile.bundle import read_bundle
    from capsule_inspect.modelfile.runtime import Interpreter

    if model is None and not SHIPPED_MODEL.is_file():
        raise ModelFileError(
            f"The model that ships with capsule-inspect is missing from '{SHIPPED_MODEL}'. "
            "Install the package again, or name a model with --model."
        )
    file = model or SHIPPED_MODEL
    bundle = read_bundle(file)
    point = bundle.metadata.operating_point
    if threshold is not None:
        point = replace(point, threshold=threshold, chosen_by="given with --threshold", expected=())
    interpreter = Interpreter(bundle, runtime.value, threads)
    if verbose:
        from capsule_inspect.cli.console import say
        from capsule_inspect.cli.expected import describe_expected

        say(f"Model: {file} ({bundle.metadata.quantization})")
        say(f"Runtime: {interpreter.runtime}, {threads} {'thread' if threads == 1 else 'threads'}")
        say(f"Threshold: {point.threshold:g} ({point.chosen_by})")
        say(f"Expected: {describe_expected(point)}")
    return Inspector(interpreter.run, bundle.metadata.classes, bundle.metadata.roi, point)


class _Printer:
    """Prints rows to stdout in the form asked for."""

    def __init__(self, classes: Sequence[str], as_json: bool, as_table: bool) -> None:
        self._classes = classes
        self._as_json = as_json
        self._records: list[Record] | None = [] if as_table else None

    def take(self, records: "Sequence[Record]") -> None:
        if self._records is not None:
            self._records += records
        if self._as_json:
            for record in records:
                typer.echo(record.to_json(self._classes))

    def finish(self) -> None:
        if self._records is not None:
            from capsule_inspect.cli.console import results

            results.print(_table(self._records))


def _table(records: "Sequence[Record]") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("picture", "label", box=box.SIMPLE_HEAD)
    table.columns[0].overflow = "fold"
    for name in ("confidence", "defect score", "defect area"):
        table.add_column(name, justify="right")
    for record in records:
        colour = "green" if record.label == "good" else "red"
        area = record.defect_area_pct
        table.add_row(
            Text(record.path),
            Text(record.label or record.status.replace("_", " "), colour),
            "" if record.confidence is None else f"{record.confidence:.3f}",
            "" if record.defect_score is None else f"{record.defect_score:.3f}",
            "" if area is None else f"{area:.2f} %",
        )
    return table


def _describe(summary: "BatchSummary", classes: Sequence[str]) -> str:
    """Says what came of the files, such as `3 pictures, 3 capsules: 2 good, 1 poke`."""
    by_label = ", ".join(f"{summary.labels[c]} {c}" for c in classes if summary.labels[c])
    text = f"{_count(summary.files, 'picture')}, {_count(summary.capsules, 'capsule')}"
    text += f": {by_label}" if by_label else ""
    text += f"; {summary.no_capsule} without a capsule" if summary.no_capsule else ""
    return text + (f"; {summary.errors} unreadable" if summary.errors else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _conclude(summary: "BatchSummary", last_line: str, fail_on_defect: bool) -> None:
    """Ends the command; its last line is the same whether all went well or not."""
    if summary.errors:
        raise PartialFailureError(
            f"{summary.errors} of {_count(summary.files, 'file')} could not be read; the column "
            f"'error' of predictions.csv says why.\n{last_line}"
        )
    defective = summary.capsules - summary.labels["good"]
    if fail_on_defect and (defective or summary.no_capsule):
        raise ConditionNotMetError(
            f"Not all is good: {_count(defective, 'defective capsule')}, "
            f"{_count(summary.no_capsule, 'picture')} without a capsule (--fail-on-defect)."
            f"\n{last_line}"
        )
    from capsule_inspect.cli.console import say

    say(last_line)
