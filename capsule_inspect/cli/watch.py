"""`capsule-inspect watch`: follow a folder that a camera writes to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.choices import (
    DEFAULT_OVERLAY_FORMAT,
    DEFAULT_OVERLAYS,
    DEFAULT_RUNTIME,
    AfterRows,
    PictureFormat,
)
from capsule_inspect.cli.options import (
    NETWORK,
    RESULTS,
    Bits,
    LogFile,
    Masks,
    Model,
    ModelRuntime,
    Overlays,
    Quiet,
    Threshold,
    Verbose,
    jobs_option,
    refuse_log_inside,
)
from capsule_inspect.cli.signals import interruptible
from capsule_inspect.cli.streams import without_library_lines
from capsule_inspect.errors import PartialFailureError, UsageError
from capsule_inspect.watching.options import (
    DEFAULT_GIVE_UP,
    DEFAULT_SETTLE,
    DEFAULT_THEN,
    WatchOptions,
    parse_rotation,
    parse_size,
    split_command,
)

if TYPE_CHECKING:
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.workflows.watch import WatchResult

_WAITING, _AFTERWARDS = "Waiting", "Afterwards"


def watch(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder that the camera writes to.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            help="The results folder: new, empty, or that of the same watch before.",
        ),
    ],
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Watch subfolders, too.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End when all that is there is done.")
    ] = False,
    poll: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="List the folder so often. By default the system says what is new; a network "
            "share is listed every second.",
            show_default=False,
            rich_help_panel=_WAITING,
        ),
    ] = None,
    settle: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="How long a file must keep its size and time. One that its writer closes, or "
            "renames into place, need not wait.",
            rich_help_panel=_WAITING,
        ),
    ] = DEFAULT_SETTLE,
    give_up: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="How long to try a file that cannot be read, until a row says why.",
            rich_help_panel=_WAITING,
        ),
    ] = DEFAULT_GIVE_UP,
    overlays: Overlays = DEFAULT_OVERLAYS,
    overlay_format: Annotated[
        PictureFormat, typer.Option(help="The format of overlays.", rich_help_panel=RESULTS)
    ] = DEFAULT_OVERLAY_FORMAT,
    masks: Masks = False,
    keep_overlays: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            help="Remove overlays and masks that are older; their rows stay.",
            show_default=False,
            rich_help_panel=RESULTS,
        ),
    ] = None,
    max_disk: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Remove the oldest overlays and masks when all have more bytes, such as 20GB.",
            show_default=False,
            rich_help_panel=RESULTS,
        ),
    ] = None,
    rotate: Annotated[
        str | None,
        typer.Option(
            metavar="daily|SIZE",
            help="Begin another results folder in OUT each day, or after so many bytes of rows, "
            "such as 5MB.",
            show_default=False,
            rich_help_panel=RESULTS,
        ),
    ] = None,
    then: Annotated[
        AfterRows,
        typer.Option(
            metavar="keep|move|delete",
            help="What becomes of a picture once its rows are on the disk.",
            rich_help_panel=_AFTERWARDS,
        ),
    ] = DEFAULT_THEN,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where --then move moves pictures to.",
            show_default=False,
            rich_help_panel=_AFTERWARDS,
        ),
    ] = None,
    on_defect: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="A command to run for each defect, with its path, label and score as arguments "
            "and its row as JSON on stdin. No shell sees it.",
            show_default=False,
            rich_help_panel=_AFTERWARDS,
        ),
    ] = None,
    webhook: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="An address that is sent the rows of each picture as JSON, until it takes them.",
            show_default=False,
            rich_help_panel=_AFTERWARDS,
        ),
    ] = "",
    bits: Bits = None,
    model: Model = None,
    threshold: Threshold = None,
    jobs: Annotated[int | None, jobs_option("one per core")] = None,
    runtime: ModelRuntime = DEFAULT_RUNTIME,
    port: Annotated[
        int | None,
        typer.Option(
            "-p",
            "--port",
            min=0,
            max=65535,
            help="Serve /health and /metrics to this machine on this port; 0 takes a free one.",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Inspect the pictures that a camera writes to a folder, each once it is complete.

    Appends to predictions.csv in OUT and prints a line for each picture. After a crash the same
    command goes on, with what came meanwhile; each picture has its rows exactly once. Ctrl-C or
    SIGTERM end it when the pictures in work are done.

    Examples:
        capsule-inspect watch camera -o results --then move --to done
        capsule-inspect watch camera -o results --once
    """
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other. Give one of them.")
    refuse_log_inside(out, log_file)
    command = () if on_defect is None else split_command(on_defect)
    with interruptible():
        from capsule_inspect.cli.console import open_terminal
        from capsule_inspect.inference.inspect_picture import InspectOptions
        from capsule_inspect.workflows import watch as workflow
        from capsule_inspect.workflows.predict import default_jobs

        options = WatchOptions(
            recursive=recursive,
            poll=poll,
            settle=settle,
            give_up=give_up,
            once=once,
            then=then,
            to=to,
            on_defect=command,
            keep_overlays=keep_overlays,
            max_disk=None if max_disk is None else parse_size(max_disk),
            rotate=None if rotate is None else parse_rotation(rotate),
            webhook=webhook,
            port=port,
            jobs=default_jobs(1) if jobs is None else jobs,
        )
        draws = InspectOptions(
            overlays=overlays, overlay_format=overlay_format, masks=masks, bits=bits
        )
        more = {} if model is None else {"model": model}
        with (
            open_terminal(quiet, log_file) as terminal,
            without_library_lines(),
            _status_line(terminal) as show,
        ):

            def announce(address: str) -> None:
                health = f" Its health: {address}/health" if address else ""
                terminal.say(f"Watching '{folder}'. Results: {out}.{health}")

            result = workflow.watch(
                folder,
                out=out,
                options=options,
                draws=draws,
                threshold=threshold,
                runtime=runtime,
                verbose=verbose,
                on_ready=announce,
                on_status=show,
                reporter=terminal,
                **more,
            )
        _end(result, terminal)


def _end(result: "WatchResult", terminal: "Terminal") -> None:
    counts = result.counts
    last_line = f"{counts.describe()}. Results: {result.predictions.resolve()}"
    if counts.failed:
        raise PartialFailureError(
            f"{counts.failed} of {counts.pictures} pictures could not be read; the column 'error' "
            f"of predictions.csv says why.\n{last_line}"
        )
    terminal.say(last_line)


@contextmanager
def _status_line(terminal: "Terminal") -> Iterator[Callable[[str], None]]:
    """Shows a line with the counts below the others, where there is a terminal."""
    console = terminal.messages
    if not console.is_terminal or console.is_dumb_terminal or console.quiet:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update
