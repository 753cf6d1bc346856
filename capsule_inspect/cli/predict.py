"""`capsule-inspect predict`: pictures → labels, overlays and masks."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.cli import predict_options as options
from capsule_inspect.cli.options import ConfigDir, PrintConfig, settings_from
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.modelfile.shipped_model import SHIPPED_MODEL

if TYPE_CHECKING:
    from capsule_inspect.inference.open_results import OnExisting

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.]*=")


def predict(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    inputs: options.Inputs = None,
    out: options.Out = None,
    recursive: options.Recursive = False,
    overlays: options.Overlays = "all",
    no_overlays: options.NoOverlays = False,
    overlay_format: options.OverlayFormat = "png",
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
    runtime: options.ModelRuntime = "auto",
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
    _refuse_log_inside(out, log_file)
    with _interruptible():
        from capsule_inspect.cli.console import speaking
        from capsule_inspect.cli.predict_batch import PredictRequest, predict_batch
        from capsule_inspect.inference.inspect_options import InspectOptions

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
