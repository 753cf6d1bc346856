"""Join the parts of a run into the results folder of one run."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from capsule_inspect.checks import require_choice
from capsule_inspect.choices import DEFAULT_ON_EXISTING, DEFAULT_ROWS, OnExisting, RowsFormat
from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.inference.addresses import refuse_address
from capsule_inspect.inference.join import join_parts
from capsule_inspect.inference.part_folders import PartFolder, find_parts
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.run_folder import base_name, new_run_folder
from capsule_inspect.workflows.destination import find_destination
from capsule_inspect.workflows.extras import require_rows_format
from capsule_inspect.workflows.predict import OnRows, PredictResult, pass_on


def join(
    parts: StrPath | Sequence[StrPath],
    *,
    out: StrPath | None = None,
    rows: RowsFormat = DEFAULT_ROWS,
    on_existing: OnExisting = DEFAULT_ON_EXISTING,
    on_rows: OnRows = lambda _rows, _classes: None,
    reporter: Reporter = SILENT,
) -> PredictResult:
    """Joins the parts that `predict` wrote into the results folder of one run.

    No model is needed. Each part is verified first, as `verify` does.

    Args:
        parts: The folders of all parts, a folder that holds them, or patterns that match them.
        out: The results folder, new or empty, or an address as text; by default
            `runs/predict/<time>-<parts>/`.
        rows: `parquet` to write the rows as Parquet, too; needs the extra `parquet`.
        on_existing: What to do with a results folder that already holds a run. The join of an
            interrupted one is made anew.
        on_rows: Called with the rows of each picture as soon as they are written.
        reporter: Follows the progress.

    Raises:
        MissingExtraError: The package that writes Parquet is not installed.
        UsageError: A part is missing, there twice, not finished, altered, or of another run; the
            folder cannot be used.
        InterruptedRunError: The user stopped it; the message says how to join them again.
    """
    start = time.monotonic()
    require_choice("on_existing", on_existing, get_args(OnExisting), UsageError)
    require_rows_format(rows)
    named = parts if isinstance(parts, Sequence) and not isinstance(parts, str) else (parts,)
    if isinstance(out, os.PathLike):
        refuse_address(out, "Give it as text.")
    place = find_destination(out, on_existing)
    found = find_parts(named)
    if place.folder:
        _refuse_part_as_out(place.folder, found)
    settings = found[0].settings
    with reporter.progress(len(found), "Verifying", "parts") as advance:
        for part in found:
            part.verify()
            advance()
    folder = place.folder or new_run_folder("predict", base_name(named[0]))

    with (
        place.opened(folder, settings, on_existing, reporter) as results,
        reporter.progress(found[0].part.pictures, "Joining") as advance,
    ):
        summary = join_parts(
            found,
            results,
            rows=rows,
            on_picture=pass_on(on_rows, settings.classes, reporter, advance),
        )
        seconds = time.monotonic() - start
    return PredictResult(
        folder=folder,
        predictions=results.records,
        report=None,
        classes=settings.classes,
        summary=summary,
        seconds=seconds,
        address=place.address,
    )


def _refuse_part_as_out(out: Path, parts: Sequence[PartFolder]) -> None:
    for part in parts:
        if out.exists() and out.samefile(part.folder.path):
            raise UsageError(f"The output '{out}' is one of the parts. Name another with -o.")
