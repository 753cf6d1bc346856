"""`capsule-inspect predict`: find the defects on capsules in pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from capsule_inspect.choices import (
    DEFAULT_ON_EXISTING,
    DEFAULT_OVERLAY_FORMAT,
    DEFAULT_OVERLAYS,
    DEFAULT_ROWS,
    DEFAULT_RUNTIME,
    GOOD,
    SCHEDULER_VARIABLE,
    AnnotationFormat,
    OnExisting,
    PictureFormat,
    RowsFormat,
)
from capsule_inspect.cli.options import (
    DECISION,
    RESULTS,
    Bits,
    ConfigDir,
    LogFile,
    Masks,
    Model,
    ModelRuntime,
    Overlays,
    PrintConfig,
    Quiet,
    Threshold,
    Verbose,
    complete_setting,
    jobs_option,
    print_settings,
    refuse_log_inside,
    scheduler_option,
    split_arguments,
)
from capsule_inspect.cli.signals import interruptible
from capsule_inspect.cli.streams import without_library_lines
from capsule_inspect.errors import (
    ConditionNotMetError,
    PartialFailureError,
    UsageError,
)
from capsule_inspect.inference.parts import Share
from capsule_inspect.text import counted, listed

if TYPE_CHECKING:
    from capsule_inspect.inference.batch import BatchSummary
    from capsule_inspect.inference.records import Record
    from capsule_inspect.workflows.predict import PredictResult


_ROWS, _AGAIN = "Printed rows", "Existing runs"
_PARTS = "Shared work"


Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUTS... KEY=VALUE",
        help="Picture files, folders, or quoted patterns such as 'line-*/*.png'. @LIST reads paths "
        "from a file, - from stdin. Then settings to change, such as predict.threads=2. With "
        "--join, folders of parts.",
        show_default=False,
        autocompletion=complete_setting,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--out",
        metavar="PATH",
        help="The results folder, new or empty; by default runs/predict/TIME-NAME. An address such "
        "as s3://bucket/results is one, too.",
        show_default=False,
    ),
]
Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Search subfolders, too.")]
PartOf = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="K/N",
        help="Inspect every N-th picture from the K-th on, and leave the others to other machines.",
        show_default=False,
        rich_help_panel=_PARTS,
    ),
]
Join = Annotated[
    bool,
    typer.Option(
        "--join",
        help="Make one results folder of the parts that INPUTS name; this needs no model.",
        rich_help_panel=_PARTS,
    ),
]
Scheduler = Annotated[
    str | None,
    scheduler_option(
        "Inspect on the workers of this Dask scheduler, such as tcp://host:8786; local starts "
        "--jobs worker processes here.",
        _PARTS,
    ),
]
NoOverlays = Annotated[
    bool,
    typer.Option("--no-overlays", help="The same as --overlays none.", rich_help_panel=RESULTS),
]
OverlayFormat = Annotated[
    PictureFormat,
    typer.Option(help="The format of overlays; png keeps every pixel.", rich_help_panel=RESULTS),
]
Annotations = Annotated[
    AnnotationFormat | None,
    typer.Option(
        help="Write the defects in the format of a tool, to correct them there.",
        show_default=False,
        rich_help_panel=RESULTS,
    ),
]
Report = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Write report.html, a page to review the results.",
        rich_help_panel=RESULTS,
    ),
]
Rows = Annotated[
    RowsFormat,
    typer.Option(
        help="parquet: write the rows as Parquet, too, beside predictions.csv.",
        rich_help_panel=RESULTS,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Also print the rows as JSON lines.", rich_help_panel=_ROWS),
]
AsTable = Annotated[
    bool,
    typer.Option("--table", help="Also print the rows as a table.", rich_help_panel=_ROWS),
]
FailOnDefect = Annotated[
    bool,
    typer.Option(
        "--fail-on-defect",
        help="Exit with code 1 if a capsule is defective or a picture shows no capsule.",
        rich_help_panel=DECISION,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Continue the run in the results folder.", rich_help_panel=_AGAIN
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Delete the run in the results folder and start again.",
        rich_help_panel=_AGAIN,
    ),
]
Jobs = Annotated[
    int | None,
    jobs_option(
        "the number of cores, or what a container's cgroup leaves of them and of memory, divided "
        "by predict.threads"
    ),
]


def predict(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    context: typer.Context,
    inputs: Inputs = None,
    out: Out = None,
    recursive: Recursive = False,
    part: PartOf = None,
    join: Join = False,
    scheduler: Scheduler = None,
    overlays: Overlays = DEFAULT_OVERLAYS,
    no_overlays: NoOverlays = False,
    overlay_format: OverlayFormat = DEFAULT_OVERLAY_FORMAT,
    masks: Masks = False,
    annotations: Annotations = None,
    report: Report = False,
    rows: Rows = DEFAULT_ROWS,
    as_json: AsJson = False,
    as_table: AsTable = False,
    bits: Bits = None,
    model: Model = None,
    threshold: Threshold = None,
    fail_on_defect: FailOnDefect = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    jobs: Jobs = None,
    runtime: ModelRuntime = DEFAULT_RUNTIME,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Find defects on the capsules in pictures.

    Writes predictions.csv, with one row per capsule, and an overlay for each picture: a copy with
    the findings drawn in. Exit code 3 means that some files could not be read; their rows say why.

    Examples:
        capsule-inspect predict pictures -r -o results --table --report
        capsule-inspect predict 'line-*/*.png' --overlays defects --fail-on-defect
    """
    named, overrides = split_arguments(inputs or [])
    if print_config:
        print_settings(overrides, config_dir)
    _refuse_both(as_json, "--json", as_table, "--table", "both print to stdout")
    _refuse_both(quiet, "--quiet", verbose, "--verbose", "contradict each other")
    on_existing = _on_existing(resume, overwrite, out)
    _refuse_to_forget(out)
    refuse_log_inside(None if out is None else Path(out), log_file)
    if join:
        _refuse_beside_join(context, overrides)
    share = None if part is None else Share.from_text(part)
    if scheduler and not join:
        _require_scheduler_of_variable(context, scheduler, jobs)
    with interruptible():
        from capsule_inspect.cli.console import open_terminal
        from capsule_inspect.inference.drift import describe_drift
        from capsule_inspect.workflows import predict as workflow
        from capsule_inspect.workflows.join import join as join_parts

        kept: list[Record] = []

        def on_rows(rows: "Sequence[Record]", classes: Sequence[str]) -> None:
            if as_table:
                kept.extend(rows)
            if as_json:
                _print_json(rows, classes)

        with open_terminal(quiet, log_file) as terminal, without_library_lines():
            if join:
                result = join_parts(
                    named,
                    out=out,
                    rows=rows,
                    on_existing=on_existing,
                    on_rows=on_rows,
                    reporter=terminal,
                )
            else:
                result = workflow.predict(
                    named,
                    out=out,
                    recursive=recursive,
                    part=None if share is None else (share.k, share.n),
                    overlays="none" if no_overlays else overlays,
                    overlay_format=overlay_format,
                    masks=masks,
                    annotations=annotations,
                    report=report,
                    rows=rows,
                    bits=bits,
                    model=model,
                    threshold=threshold,
                    on_existing=on_existing,
                    jobs=jobs,
                    runtime=runtime,
                    scheduler=scheduler or None,
                    verbose=verbose,
                    overrides=overrides,
                    config_dir=config_dir,
                    on_rows=on_rows,
                    reporter=terminal,
                )
            if as_table:
                from capsule_inspect.cli.tables import print_rows

                print_rows(terminal.results, kept)
            if result.summary.drift:
                terminal.warn(f"{describe_drift(result.summary.drift)} See `drift` in run.json.")
            folder = result.address or result.folder
            place = f" -o {folder}" if join or not out else ""
            command = "predict over the same inputs" if join else "the same command"
            kept_rows = "" if rows == DEFAULT_ROWS or not join else f" --rows {rows}"
            last_line = _last_line(result, command, f"{kept_rows}{place}")
            raise_exit_code(result.summary, fail_on_defect, last_line)
            terminal.say(last_line)


def raise_exit_code(summary: "BatchSummary", fail_on_defect: bool, last_line: str) -> None:
    """Raises the error that ends the command with exit code 1 or 3, if the pictures call for one.

    Args:
        summary: Counts over all pictures.
        fail_on_defect: Whether every picture must show good capsules.
        last_line: The last line of the message in any case.

    Raises:
        PartialFailureError: A file could not be read; this outranks the other.
        ConditionNotMetError: `fail_on_defect`, and not every picture shows good capsules.
    """
    defective = summary.capsules - summary.labels[GOOD]
    failing = ""
    if fail_on_defect and (defective or summary.no_capsule or summary.reviews):
        found = counted(defective, f"defective {summary.subject}")
        if summary.subject == "capsule":
            found += f", {counted(summary.no_capsule, 'picture')} without a capsule"
        found += f", {summary.reviews} for review" if summary.reviews else ""
        failing = f"Not all pictures are good: {found} (--fail-on-defect).\n"
    if summary.errors:
        raise PartialFailureError(
            f"{summary.errors} of {counted(summary.files, 'file')} could not be read; the column "
            f"'error' of predictions.csv says why.\n{failing}{last_line}"
        )
    if failing:
        raise ConditionNotMetError(f"{failing}{last_line}")


def _last_line(result: "PredictResult", command: str, place: str) -> str:
    counts = describe_batch(result.summary, result.classes)
    text = f"{counts} in {result.seconds:.1f} s. Results: {_place_of(result, result.predictions)}"
    if result.report:
        return f"{text} Report: {_place_of(result, result.report)}"
    return f"{text} (for a report: {command} with --resume --report{place})"


def _place_of(result: "PredictResult", file: Path) -> str:
    """Returns where a file of the results is now: here, or where it was uploaded to."""
    return f"{result.address}/{file.name}" if result.address else str(file.resolve())


def describe_batch(summary: "BatchSummary", classes: Sequence[str]) -> str:
    """Returns the counts as text, such as `3 pictures, 3 capsules: 2 good, 1 poke`.

    A model of whole pictures has no capsules to count.

    Args:
        summary: Counts over all pictures.
        classes: Class names in the model's order.
    """
    by_label = ", ".join(f"{summary.labels[c]} {c}" for c in classes if summary.labels[c])
    text = counted(summary.files, "picture")
    if summary.subject == "capsule":
        text += f", {counted(summary.capsules, 'capsule')}"
    text += f": {by_label}" if by_label else ""
    text += f"; {summary.no_capsule} without a capsule" if summary.no_capsule else ""
    text += f"; {summary.errors} unreadable" if summary.errors else ""
    text += f"; {summary.warnings} with a warning" if summary.warnings else ""
    return text + (f"; {summary.reviews} for review" if summary.reviews else "")


def _print_json(rows: "Sequence[Record]", classes: Sequence[str]) -> None:
    """Prints each row as a line of JSON."""
    try:
        for row in rows:
            typer.echo(row.to_json(classes))
    except OSError as error:
        raise UsageError(f"The rows cannot be printed: {error.strerror}.") from error


def _refuse_both(one: bool, one_name: str, other: bool, other_name: str, reason: str) -> None:
    if one and other:
        raise UsageError(f"{one_name} and {other_name} {reason}. Give one of them.")


_WITH_JOIN = (
    *("inputs", "out", "join", "rows", "as_json", "as_table", "fail_on_defect"),
    *("resume", "overwrite", "quiet", "verbose", "log_file"),
)
"""The parameters that have a meaning where parts are joined."""


def _refuse_beside_join(context: typer.Context, overrides: Sequence[str]) -> None:
    """Refuses options that the parts have settled already."""
    given = [
        parameter.opts[-1]
        for parameter in context.command.params
        if parameter.name not in _WITH_JOIN
        and (source := context.get_parameter_source(parameter.name or ""))
        and source.name == "COMMANDLINE"
    ]
    if given or overrides:
        raise UsageError(
            "--join takes model, options and settings from the parts. Leave out "
            f"{listed([*given, *overrides])}."
        )


_FORGETS: Final = ("memory",)
"""Places of fsspec that end with the process; they are of use from Python."""


def _refuse_to_forget(out: str | None) -> None:
    if out is not None and out.partition("://")[0].lower() in _FORGETS and "://" in out:
        raise UsageError(
            f"The output '{out}' would be lost when the command ends. Name a folder, or an address "
            "such as s3://bucket/results, with -o."
        )


def _require_scheduler_of_variable(
    context: typer.Context, scheduler: str, jobs: int | None
) -> None:
    """Names the variable where it, and no option, names a scheduler that cannot be used."""
    source = context.get_parameter_source("scheduler")
    if source and source.name == "ENVIRONMENT":
        from capsule_inspect.cluster.connect import require_scheduler

        require_scheduler(scheduler, jobs, SCHEDULER_VARIABLE)


def _on_existing(resume: bool, overwrite: bool, out: str | None) -> OnExisting:
    _refuse_both(resume, "--resume", overwrite, "--overwrite", "contradict each other")
    if out is None and (resume or overwrite):
        given = "--resume" if resume else "--overwrite"
        raise UsageError(f"{given} needs -o with the folder of the run.")
    if resume:
        return "resume"
    return "overwrite" if overwrite else DEFAULT_ON_EXISTING
