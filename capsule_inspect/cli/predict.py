"""`capsule-inspect predict`: inspect pictures."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from capsule_inspect.choices import SHIPPED_MODEL, RuntimeName
from capsule_inspect.cli.options import ConfigDir, PrintConfig, complete_setting, settings_from
from capsule_inspect.errors import InterruptedRunError, UsageError

if TYPE_CHECKING:
    from capsule_inspect.choices import OnExisting


_RESULTS, _DECISION, _AGAIN = "Results", "Decision", "Runs that exist"
_SPEED, _MESSAGES = "Speed", "Messages"


Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUTS... KEY=VALUE",
        help="Picture files, folders, quoted patterns such as 'line-*/*.png', @LIST for the lines "
        "of a file and - for those of stdin; then settings to change, such as predict.threads=2.",
        show_default=False,
        autocompletion=complete_setting,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="The folder for the results, new or empty; runs/predict/TIME-NAME if not given.",
        show_default=False,
    ),
]
Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Look into subfolders, too.")]
Overlays = Annotated[
    Literal["all", "defects", "none"],
    typer.Option(
        help="Which pictures to write with their findings drawn in.", rich_help_panel=_RESULTS
    ),
]
NoOverlays = Annotated[
    bool,
    typer.Option("--no-overlays", help="The same as --overlays none.", rich_help_panel=_RESULTS),
]
OverlayFormat = Annotated[
    Literal["png", "jpg", "webp"],
    typer.Option(
        help="What overlays are written as; png keeps every pixel.", rich_help_panel=_RESULTS
    ),
]
Masks = Annotated[
    bool, typer.Option("--masks", help="Write masks of the defects.", rich_help_panel=_RESULTS)
]
Report = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Write report.html, a page to look through, too.",
        rich_help_panel=_RESULTS,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the rows as JSON lines, too.", rich_help_panel=_RESULTS),
]
AsTable = Annotated[
    bool,
    typer.Option("--table", help="Print the results as a table, too.", rich_help_panel=_RESULTS),
]
Model = Annotated[
    Path | None,
    typer.Option(
        help="A model made by export-tflite, instead of the one that ships.",
        rich_help_panel=_DECISION,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        help="Capsules with at least this defect score are defective; else the model decides.",
        rich_help_panel=_DECISION,
    ),
]
FailOnDefect = Annotated[
    bool,
    typer.Option(
        "--fail-on-defect",
        help="End with exit code 1 if a capsule is defective or a picture shows none.",
        rich_help_panel=_DECISION,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run in the results folder.", rich_help_panel=_AGAIN
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Remove the run in the results folder first.", rich_help_panel=_AGAIN
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        help="Pictures to work on at a time; as many as there are cores if not given.",
        show_default=False,
        rich_help_panel=_SPEED,
    ),
]
ModelRuntime = Annotated[
    RuntimeName,
    typer.Option(
        metavar="NAME",
        help="What executes the model: auto, ai-edge-litert or tflite-runtime.",
        rich_help_panel=_SPEED,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="Say nothing but errors.", rich_help_panel=_MESSAGES),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Say which model, runtime and threshold.",
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

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.]*=")


def predict(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    inputs: Inputs = None,
    out: Out = None,
    recursive: Recursive = False,
    overlays: Overlays = "all",
    no_overlays: NoOverlays = False,
    overlay_format: OverlayFormat = "png",
    masks: Masks = False,
    report: Report = False,
    as_json: AsJson = False,
    as_table: AsTable = False,
    model: Model = None,
    threshold: Threshold = None,
    fail_on_defect: FailOnDefect = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    jobs: Jobs = None,
    runtime: ModelRuntime = "auto",
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
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
    _refuse_log_inside(out, log_file)
    with _interruptible():
        from capsule_inspect.cli.console import speaking
        from capsule_inspect.inference.inspect_picture import InspectOptions
        from capsule_inspect.workflows.predict import PredictRequest, predict_batch

        request = PredictRequest(
            inputs=tuple(named),
            recursive=recursive,
            out=out,
            on_existing=on_existing,
            options=InspectOptions(
                overlays="none" if no_overlays else overlays,
                overlay_format=overlay_format,
                masks=masks,
                max_pixels=round(settings.max_megapixels * 1e6),
            ),
            model=model or SHIPPED_MODEL,
            threshold=threshold,
            runtime=runtime,
            threads=settings.threads,
            jobs=jobs or _default_jobs(settings.threads),
            as_json=as_json,
            as_table=as_table,
            report=report,
            fail_on_defect=fail_on_defect,
            verbose=verbose,
        )
        with speaking(quiet, log_file):
            predict_batch(request)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tells inputs from overrides: `KEY=VALUE` is an override unless such a file exists."""
    overrides = [a for a in arguments if _OVERRIDE.match(a) and not os.path.lexists(a)]
    return [a for a in arguments if a not in overrides], overrides


def _refuse_both(one: bool, one_name: str, other: bool, other_name: str, reason: str) -> None:
    if one and other:
        raise UsageError(f"{one_name} and {other_name} {reason}. Give one of them.")


def _refuse_log_inside(out: Path | None, log_file: Path | None) -> None:
    if out and log_file and out.resolve() in log_file.resolve().parents:
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
