"""`capsule-inspect predict`: find the defects on capsules in pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.choices import (
    DEFAULT_ON_EXISTING,
    DEFAULT_OVERLAY_FORMAT,
    DEFAULT_OVERLAYS,
    DEFAULT_RUNTIME,
    GOOD,
    OnExisting,
    OverlayChoice,
    PictureFormat,
)
from capsule_inspect.cli.options import (
    DECISION,
    SPEED,
    Bits,
    ConfigDir,
    Model,
    ModelRuntime,
    PrintConfig,
    Threshold,
    complete_setting,
    print_settings,
    split_arguments,
)
from capsule_inspect.cli.streams import without_library_lines
from capsule_inspect.errors import (
    ConditionNotMetError,
    InterruptedRunError,
    PartialFailureError,
    UsageError,
)
from capsule_inspect.text import counted

if TYPE_CHECKING:
    from capsule_inspect.inference.batch import BatchSummary
    from capsule_inspect.inference.records import Record
    from capsule_inspect.workflows.predict import PredictResult


_RESULTS, _AGAIN, _MESSAGES = "Results", "Existing runs", "Messages"


Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUTS... KEY=VALUE",
        help="Picture files, folders, or quoted patterns such as 'line-*/*.png'. @LIST reads paths "
        "from a file, - from stdin. Then settings to change, such as predict.threads=2.",
        show_default=False,
        autocompletion=complete_setting,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="The results folder, new or empty; by default runs/predict/TIME-NAME.",
        show_default=False,
    ),
]
Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Search subfolders, too.")]
Overlays = Annotated[
    OverlayChoice,
    typer.Option(
        help="Which pictures get an overlay: a copy with the findings drawn in.",
        rich_help_panel=_RESULTS,
    ),
]
NoOverlays = Annotated[
    bool,
    typer.Option("--no-overlays", help="The same as --overlays none.", rich_help_panel=_RESULTS),
]
OverlayFormat = Annotated[
    PictureFormat,
    typer.Option(help="The format of overlays; png keeps every pixel.", rich_help_panel=_RESULTS),
]
Masks = Annotated[
    bool, typer.Option("--masks", help="Write the defects as PNG masks.", rich_help_panel=_RESULTS)
]
Report = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Write report.html, a page to review the results.",
        rich_help_panel=_RESULTS,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Also print the rows as JSON lines.", rich_help_panel=_RESULTS),
]
AsTable = Annotated[
    bool,
    typer.Option("--table", help="Also print the rows as a table.", rich_help_panel=_RESULTS),
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
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        help="Pictures to inspect at the same time. The default is the number of cores, or what a "
        "container's cgroup leaves of them and of memory, divided by predict.threads.",
        show_default=False,
        rich_help_panel=SPEED,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="Print errors only.", rich_help_panel=_MESSAGES),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Print the model, the runtime, the threshold and the expected errors.",
        rich_help_panel=_MESSAGES,
    ),
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        help="Append all messages and warnings to this file.",
        show_default=False,
        rich_help_panel=_MESSAGES,
    ),
]


def predict(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    inputs: Inputs = None,
    out: Out = None,
    recursive: Recursive = False,
    overlays: Overlays = DEFAULT_OVERLAYS,
    no_overlays: NoOverlays = False,
    overlay_format: OverlayFormat = DEFAULT_OVERLAY_FORMAT,
    masks: Masks = False,
    report: Report = False,
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
    _refuse_log_inside(out, log_file)
    with _interruptible():
        from capsule_inspect.cli.console import open_terminal
        from capsule_inspect.inference.drift import describe_drift
        from capsule_inspect.workflows import predict as workflow

        kept: list[Record] = []

        def on_rows(rows: "Sequence[Record]", classes: Sequence[str]) -> None:
            if as_table:
                kept.extend(rows)
            if as_json:
                _print_json(rows, classes)

        with open_terminal(quiet, log_file) as terminal, without_library_lines():
            result = workflow.predict(
                named,
                out=out,
                recursive=recursive,
                overlays="none" if no_overlays else overlays,
                overlay_format=overlay_format,
                masks=masks,
                report=report,
                bits=bits,
                model=model,
                threshold=threshold,
                on_existing=on_existing,
                jobs=jobs,
                runtime=runtime,
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
            last_line = _last_line(result, "" if out else f" -o {result.folder}")
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
    if fail_on_defect and (defective or summary.no_capsule):
        found = counted(defective, f"defective {summary.subject}")
        if summary.subject == "capsule":
            found += f", {counted(summary.no_capsule, 'picture')} without a capsule"
        failing = f"Not all pictures are good: {found} (--fail-on-defect).\n"
    if summary.errors:
        raise PartialFailureError(
            f"{summary.errors} of {counted(summary.files, 'file')} could not be read; the column "
            f"'error' of predictions.csv says why.\n{failing}{last_line}"
        )
    if failing:
        raise ConditionNotMetError(f"{failing}{last_line}")


def _last_line(result: "PredictResult", place: str) -> str:
    counts = describe_batch(result.summary, result.classes)
    text = f"{counts} in {result.seconds:.1f} s. Results: {result.predictions.resolve()}"
    if result.report:
        return f"{text} Report: {result.report.resolve()}"
    return f"{text} (for a report: the same command with --resume --report{place})"


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
    return text + (f"; {summary.warnings} with a warning" if summary.warnings else "")


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


def _refuse_log_inside(out: Path | None, log_file: Path | None) -> None:
    if out and log_file and out.resolve() in log_file.resolve().parents:
        raise UsageError(
            f"The log file '{log_file}' is in the results folder. Choose another place."
        )


def _on_existing(resume: bool, overwrite: bool, out: Path | None) -> OnExisting:
    _refuse_both(resume, "--resume", overwrite, "--overwrite", "contradict each other")
    if out is None and (resume or overwrite):
        given = "--resume" if resume else "--overwrite"
        raise UsageError(f"{given} needs -o with the folder of the run.")
    if resume:
        return "resume"
    return "overwrite" if overwrite else DEFAULT_ON_EXISTING


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError("Stopped.") from None
