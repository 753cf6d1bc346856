"""`capsule-inspect predict`: pictures → labels, overlays and masks."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.cli import predict_options as options
from capsule_inspect.cli.options import ConfigDir, PrintConfig, RuntimeChoice, settings_from
from capsule_inspect.errors import InterruptedRunError, ModelFileError, UsageError

if TYPE_CHECKING:
    from capsule_inspect.inference.inspect_file import Wanted
    from capsule_inspect.inference.inspector import Inspector
    from capsule_inspect.inference.records import Record
    from capsule_inspect.inference.results_folder import OnExisting, ResultsFolder

SHIPPED_MODEL = Path(__file__).parent.parent / "assets" / "capsule.tflite"

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.]*=")


def predict(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    inputs: options.Inputs = None,
    out: options.Out = None,
    recursive: options.Recursive = False,
    overlays: options.Overlays = options.OverlayChoice.ALL,
    no_overlays: options.NoOverlays = False,
    overlay_format: options.OverlayFormat = options.FormatChoice.PNG,
    masks: options.Masks = False,
    report: options.Report = False,
    as_json: options.AsJson = False,
    as_table: options.AsTable = False,
    model: options.Model = None,
    threshold: options.Threshold = None,
    fail_on_defect: options.FailOnDefect = False,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    jobs: options.Jobs = None,
    runtime: options.ModelRuntime = RuntimeChoice.AUTO,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    log_file: options.LogFile = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Find the defects on the capsules of pictures.

    Writes predictions.csv with a row for each capsule, and a picture with the findings drawn in for
    each input. Exit code 3 says that some files could not be read; their rows say why.

    Examples:
        capsule-inspect predict pictures -r -o results --table --report
        capsule-inspect predict 'line-*/*.png' --overlays defects --fail-on-defect
    """
    named, overrides = split_arguments(inputs or [])
    settings = settings_from(overrides, config_dir, print_config).predict
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold is {threshold}, but must lie between 0 and 1.")
    _refuse_both(as_json, "--json", as_table, "--table", "both print to stdout")
    _refuse_both(quiet, "--quiet", verbose, "--verbose", "contradict each other")
    on_existing = _on_existing(resume, overwrite, out)
    with _interruptible():
        from capsule_inspect.cli.conclude_batch import conclude_batch, describe_batch
        from capsule_inspect.cli.console import note, say, speaking, warn
        from capsule_inspect.cli.progress import watch_pictures
        from capsule_inspect.cli.record_printer import RecordPrinter
        from capsule_inspect.inference.batch import inspect_batch
        from capsule_inspect.inference.inputs import expand_inputs
        from capsule_inspect.inference.inspect_file import Wanted
        from capsule_inspect.inference.results_folder import ResultsFolder, check_results, is_result
        from capsule_inspect.runs.naming import input_name
        from capsule_inspect.runs.new_folder import new_run_folder

        start = time.monotonic()
        given = ResultsFolder(out) if out else None
        if given:
            check_results(given, on_existing)
            _refuse_log_inside(given.path, log_file)
        with speaking(quiet, log_file):
            pictures = expand_inputs(named, recursive, is_result)
            inspector = _load(model, threshold, runtime, settings.threads, verbose)
            # Only now, so that a mistyped input leaves no folder behind.
            folder = given or ResultsFolder(new_run_folder("predict", input_name(named[0])))
            wanted = Wanted(
                "none" if no_overlays else overlays.value,
                overlay_format.value,
                masks,
                round(settings.max_megapixels * 1e6),
            )
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
                    folder.path,
                    wanted,
                    jobs=jobs or _default_jobs(settings.threads),
                    on_existing=on_existing,
                    on_picture=on_picture,
                )
            printer.finish()
            counts = describe_batch(summary, inspector.classes)
            seconds = time.monotonic() - start
            last_line = f"{counts} in {seconds:.1f} s. Results: {folder.records.resolve()}"
            if report:
                _write_report(folder, model, inspector, summary.drift, wanted)
                last_line += f" Report: {folder.report.resolve()}"
            if summary.drift:
                warn(summary.drift)
            conclude_batch(summary, last_line, fail_on_defect)
            say(last_line)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tells inputs from overrides: `KEY=VALUE` is an override unless such a file exists."""
    overrides = [a for a in arguments if _OVERRIDE.match(a) and not os.path.lexists(a)]
    return [a for a in arguments if a not in overrides], overrides


def _write_report(
    folder: "ResultsFolder",
    model: Path | None,
    inspector: "Inspector",
    drift: str,
    wanted: "Wanted",
) -> None:
    from capsule_inspect.pages.batch_page import write_batch_page

    threshold = inspector.point.threshold
    about = f"Model {(model or SHIPPED_MODEL).name}, threshold {threshold:.3g}."
    write_batch_page(folder, about, drift, wanted.max_pixels)


def _refuse_both(one: bool, one_name: str, other: bool, other_name: str, reason: str) -> None:
    if one and other:
        raise UsageError(f"{one_name} and {other_name} {reason}. Give one of them.")


def _refuse_log_inside(out: Path, log_file: Path | None) -> None:
    if log_file is not None and out.resolve() in log_file.resolve().parents:
        raise UsageError(f"The log file '{log_file}' lies in the results folder. Move it out.")


def _on_existing(resume: bool, overwrite: bool, out: Path | None) -> "OnExisting":
    _refuse_both(resume, "--resume", overwrite, "--overwrite", "contradict each other")
    if out is None and (resume or overwrite):
        given = "--resume" if resume else "--overwrite"
        raise UsageError(f"{given} needs -o: the folder of the run that is meant.")
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
