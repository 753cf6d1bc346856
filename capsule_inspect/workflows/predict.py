"""Inspect pictures and write a results folder."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.choices import GOOD, OnExisting, RuntimeName
from capsule_inspect.cli.console import note, say, warn, watch_pictures
from capsule_inspect.cli.print_rows import RecordPrinter
from capsule_inspect.errors import ConditionNotMetError, PartialFailureError
from capsule_inspect.inference.batch import BatchSummary, inspect_batch, run_settings
from capsule_inspect.inference.decide import override_threshold
from capsule_inspect.inference.drift import describe_drift
from capsule_inspect.inference.inputs import InputPicture, expand_inputs, is_result
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import Inspector, load
from capsule_inspect.inference.records import Record
from capsule_inspect.inference.results_folder import OpenResults, check_results, open_results
from capsule_inspect.runs.run_folder import input_name, new_run_folder
from capsule_inspect.text import counted
from capsule_inspect.workflows.models import describe_expected


def conclude_batch(summary: "BatchSummary", last_line: str, fail_on_defect: bool) -> None:
    """Raises what the command has to end with, its last line the same as if all went well.

    Raises:
        PartialFailureError: A file could not be read, whatever else.
        ConditionNotMetError: `fail_on_defect`, and not every picture shows good capsules.
    """
    defective = summary.capsules - summary.labels[GOOD]
    failing = ""
    if fail_on_defect and (defective or summary.no_capsule):
        failing = (
            f"Not all is good: {counted(defective, 'defective capsule')}, "
            f"{counted(summary.no_capsule, 'picture')} without a capsule (--fail-on-defect).\n"
        )
    if summary.errors:
        raise PartialFailureError(
            f"{summary.errors} of {counted(summary.files, 'file')} could not be read; the column "
            f"'error' of predictions.csv says why.\n{failing}{last_line}"
        )
    if failing:
        raise ConditionNotMetError(f"{failing}{last_line}")


def describe_batch(summary: "BatchSummary", classes: Sequence[str]) -> str:
    """Says what came of the files, such as `3 pictures, 3 capsules: 2 good, 1 poke`."""
    by_label = ", ".join(f"{summary.labels[c]} {c}" for c in classes if summary.labels[c])
    text = f"{counted(summary.files, 'picture')}, {counted(summary.capsules, 'capsule')}"
    text += f": {by_label}" if by_label else ""
    text += f"; {summary.no_capsule} without a capsule" if summary.no_capsule else ""
    text += f"; {summary.errors} unreadable" if summary.errors else ""
    return text + (f"; {summary.warnings} with a warning" if summary.warnings else "")


@dataclass(frozen=True)
class PredictRequest:
    """What `predict` was asked for.

    Attributes:
        inputs: Files, folders, patterns and lists.
        recursive: Whether folders stand for their subfolders as well.
        out: The results folder; by default `runs/predict/<time>-<input>/`.
        on_existing: What to do with a folder that holds something already.
        options: What to make of each picture beside its rows.
        model: A `.tflite` file.
        threshold: Takes the place of the model's own, in [0, 1]; None for that.
        runtime: What executes the model.
        threads: For each capsule.
        jobs: Pictures to work on at a time.
        as_json: Whether to print the rows as lines of JSON.
        as_table: Whether to print them as a table.
        report: Whether to write a page to look through.
        fail_on_defect: Whether a defect ends the command with exit code 1.
        verbose: Whether to say which model, runtime and threshold.
    """

    inputs: tuple[str, ...]
    recursive: bool
    out: Path | None
    on_existing: OnExisting
    options: InspectOptions
    model: Path
    threshold: float | None
    runtime: RuntimeName
    threads: int
    jobs: int
    as_json: bool
    as_table: bool
    report: bool
    fail_on_defect: bool
    verbose: bool


def predict_batch(request: PredictRequest) -> None:
    """Inspects pictures, writes the results folder and says what came of it.

    Raises:
        CapsuleInspectError: Inputs, model or folder cannot be used; or the batch is done and ends
            with another exit code than 0 all the same.
    """
    start = time.monotonic()
    if request.out:
        check_results(request.out, request.on_existing)
    pictures = expand_inputs(request.inputs, request.recursive, is_result)
    inspector = _load(request)
    # Only now, so that a mistyped input leaves no folder behind.
    folder = request.out or new_run_folder("predict", input_name(request.inputs[0]))
    settings = run_settings(inspector, request.options)
    with open_results(folder, settings, request.on_existing) as results:
        summary = _inspect(request, inspector, pictures, results)
        counts = describe_batch(summary, inspector.classes)
        seconds = time.monotonic() - start
        last_line = f"{counts} in {seconds:.1f} s. Results: {results.records.resolve()}"
        if request.report:
            _write_report(request, inspector, summary, results)
            last_line += f" Report: {results.report.resolve()}"
        else:
            place = "" if request.out else f" -o {folder}"
            last_line += f" (to look through: the same command with --resume --report{place})"
    if summary.drift:
        warn(f"{describe_drift(summary.drift)} See `drift` in run.json.")
    conclude_batch(summary, last_line, request.fail_on_defect)
    say(last_line)


def _load(request: PredictRequest) -> Inspector:
    inspector = load(request.model, runtime=request.runtime, threads=request.threads)
    point = override_threshold(inspector.point, request.threshold, "given with --threshold")
    if request.verbose:
        say(f"Model: {request.model} ({inspector.metadata.quantization})")
        say(f"Runtime: {inspector.runtime}, {counted(request.threads, 'thread')}")
        say(f"Threshold: {point.threshold:g} ({point.chosen_by})")
        say(f"Expected: {describe_expected(point)}")
    return replace(inspector, point=point)


def _inspect(
    request: PredictRequest,
    inspector: Inspector,
    pictures: Sequence[InputPicture],
    results: OpenResults,
) -> BatchSummary:
    printer = RecordPrinter(inspector.classes, request.as_json, request.as_table)
    with watch_pictures(len(pictures), "Inspecting") as advance:

        def on_picture(records: Sequence[Record]) -> None:
            printer.take(records)
            for record in records:
                if record.error or record.warning:
                    note(f"{record.path}: {record.error or record.warning}")
            advance()

        summary = inspect_batch(
            inspector,
            pictures,
            results,
            request.options,
            jobs=request.jobs,
            on_picture=on_picture,
        )
    printer.finish()
    return summary


def _write_report(
    request: PredictRequest, inspector: Inspector, summary: BatchSummary, results: OpenResults
) -> None:
    from capsule_inspect.pages.batch_page import write_batch_page  # Jinja, which few runs need

    about = f"Model {request.model.name}, threshold {inspector.point.threshold:.3g}."
    write_batch_page(results, about, summary.drift or (), request.options.max_pixels)
