"""`capsule-inspect predict`: pictures → labels, overlays and masks."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from capsule_inspect.cli.options import ConfigDir, PrintConfig, RuntimeChoice, settings_from
from capsule_inspect.errors import InterruptedRunError, ModelFileError, UsageError

if TYPE_CHECKING:
    from capsule_inspect.inference.inspector import Inspector
    from capsule_inspect.inference.records import Record
    from capsule_inspect.inference.results_folder import OnExisting

SHIPPED_MODEL = Path(__file__).parent.parent / "assets" / "capsule.tflite"

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.]*=")


class OverlayChoice(str, Enum):
    """What `--overlays` takes."""

    ALL = "all"
    DEFECTS = "defects"
    NONE = "none"


class FormatChoice(str, Enum):
    """What `--overlay-format` takes."""

    PNG = "png"
    JPG = "jpg"
    WEBP = "webp"


def predict(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    inputs: Annotated[
        Optional[list[str]],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Argument(
            metavar="INPUTS... [KEY=VALUE]",
            help="Picture files, folders, quoted patterns such as 'line-*/*.png', @LIST for the "
            "lines of a file and - for those of stdin; then settings to change, such as "
            "predict.threads=2.",
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
    overlays: Annotated[
        OverlayChoice,
        typer.Option(help="Which pictures to write with their findings drawn in."),
    ] = OverlayChoice.ALL,
    no_overlays: Annotated[
        bool, typer.Option("--no-overlays", help="The same as --overlays none.")
    ] = False,
    overlay_format: Annotated[
        FormatChoice, typer.Option(help="What overlays are written as; png keeps every pixel.")
    ] = FormatChoice.PNG,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the rows as JSON lines, too.")
    ] = False,
    as_table: Annotated[
        bool, typer.Option("--table", help="Print the results as a table, too.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write report.html, a page to look through, too.")
    ] = False,
    fail_on_defect: Annotated[
        bool,
        typer.Option(
            "--fail-on-defect",
            help="End with exit code 1 if a capsule is defective or a picture shows none.",
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the results folder.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove the run in the results folder first.")
    ] = False,
    jobs: Annotated[
        Optional[int],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option(
            "-j",
            "--jobs",
            min=1,
            help="Pictures to work on at a time; as many as there are cores if not given.",
            show_default=False,
        ),
    ] = None,
    runtime: Annotated[
        RuntimeChoice, typer.Option(help="What executes the model.")
    ] = RuntimeChoice.AUTO,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say which model, runtime and threshold.")
    ] = False,
    log_file: Annotated[
        Optional[Path],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option(help="Append all messages and warnings to this file.", show_default=False),
    ] = None,
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
    _refuse_both(as_json, "--json", as_table, "--table", "both print to stdout")
    _refuse_both(quiet, "--quiet", verbose, "--verbose", "contradict each other")
    on_existing = _on_existing(resume, overwrite)
    out = out or Path("runs", "predict", time.strftime("%Y%m%d-%H%M%S"))
    with _interruptible():
        from capsule_inspect.cli.conclude_batch import conclude_batch, describe_batch
        from capsule_inspect.cli.console import note, say, speaking, warn
        from capsule_inspect.cli.progress import watch_pictures
        from capsule_inspect.cli.record_printer import RecordPrinter
        from capsule_inspect.inference.batch import inspect_batch
        from capsule_inspect.inference.inputs import expand_inputs
        from capsule_inspect.inference.inspect_file import Wanted
        from capsule_inspect.inference.results_folder import ResultsFolder, check_results

        start = time.monotonic()
        folder = ResultsFolder(out)
        check_results(folder, on_existing)
        if log_file is not None and out.resolve() in log_file.resolve().parents:
            raise UsageError(f"The log file '{log_file}' lies in the results folder. Move it out.")
        with speaking(quiet, log_file):
            pictures = expand_inputs(named, recursive, folder.holds_results)
            inspector = _load(model, threshold, runtime, settings.threads, verbose)
            printer = RecordPrinter(inspector.classes, as_json, as_table)
            with watch_pictures(len(pictures), "Inspecting") as advance:

                def on_picture(records: "Sequence[Record]") -> None:
                    printer.take(records)
                    for record in records:
                        if record.error or record.warning:
                            note(f"{record.path}: {record.error or record.warning}")
                    advance()

                summary = inspect_batch(
                    inspector,
                    pictures,
                    out,
                    Wanted(
                        "none" if no_overlays else overlays.value,
                        overlay_format.value,
                        masks,
                        round(settings.max_megapixels * 1e6),
                    ),
                    jobs=jobs or _default_jobs(settings.threads),
                    on_existing=on_existing,
                    on_picture=on_picture,
                )
            printer.finish()
            counts = describe_batch(summary, inspector.classes)
            seconds = time.monotonic() - start
            last_line = f"{counts} in {seconds:.1f} s. Results: {folder.records.resolve()}"
            if report:
                from capsule_inspect.pages.batch_page import write_batch_page

                write_batch_page(folder, _about(model, inspector), summary.drift)
                last_line += f" Report: {folder.report.resolve()}"
            if summary.drift:
                warn(summary.drift)
            conclude_batch(summary, last_line, fail_on_defect)
            say(last_line)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tells inputs from overrides: `KEY=VALUE` is an override unless such a file exists."""
    overrides = [a for a in arguments if _OVERRIDE.match(a) and not os.path.lexists(a)]
    return [a for a in arguments if a not in overrides], overrides


def _about(model: Path | None, inspector: "Inspector") -> str:
    """Says for the report what judged the pictures."""
    point = inspector.point
    return f"Model {(model or SHIPPED_MODEL).name}, threshold {point.threshold:.3g}."


def _refuse_both(one: bool, one_name: str, other: bool, other_name: str, reason: str) -> None:
    if one and other:
        raise UsageError(f"{one_name} and {other_name} {reason}. Give one of them.")


def _on_existing(resume: bool, overwrite: bool) -> "OnExisting":
    _refuse_both(resume, "--resume", overwrite, "--overwrite", "contradict each other")
    if resume:
        return "resume"
    return "overwrite" if overwrite else "refuse"


def _default_jobs(threads: int) -> int:
    """Returns how many jobs of so many threads the cores of this process can take."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores // threads)


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError("Stopped.") from None


def _load(
    model: Path | None, threshold: float | None, runtime: RuntimeChoice, threads: int, verbose: bool
) -> "Inspector":
    from capsule_inspect.cli.load_model import load_file

    if model is None and not SHIPPED_MODEL.is_file():
        raise ModelFileError(
            f"The model that ships with capsule-inspect is missing from '{SHIPPED_MODEL}'. "
            "Install the package again, or name a model with --model."
        )
    file = model or SHIPPED_MODEL
    loaded = load_file(file, runtime, threads)
    point = loaded.inspector.point
    if threshold is not None:
        point = replace(point, threshold=threshold, chosen_by="given with --threshold", expected=())
    if verbose:
        from capsule_inspect.cli.console import say
        from capsule_inspect.cli.expected import describe_expected

        say(f"Model: {file} ({loaded.metadata.quantization})")
        say(f"Runtime: {loaded.runtime}, {threads} {'thread' if threads == 1 else 'threads'}")
        say(f"Threshold: {point.threshold:g} ({point.chosen_by})")
        say(f"Expected: {describe_expected(point)}")
    return replace(loaded.inspector, point=point)
