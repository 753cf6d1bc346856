"""Prepare a data set folder, with a page to review it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.choices import Protocol, SplitChoice
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.merge import Change, add_to_dataset
from capsule_inspect.dataset.prepare import Prepared, prepare_dataset
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.dataset.survey import choose_roi, survey
from capsule_inspect.files import StrPath, write_text
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.workflows.arguments import as_output, compose_settings


@dataclass(frozen=True)
class PrepareResult:
    """A new data set folder.

    Attributes:
        folder: The data set folder.
        data: The data set.
        problems: Everything worth a warning, sorted by path; with `skip_bad`, what was left out.
        shows_capsules: Whether capsules are found on half of the pictures or more.
        page: The page to look through; None if it was not wanted.
        seconds: How long it took.
    """

    folder: Path
    data: DataSet
    problems: tuple[Problem, ...]
    shows_capsules: bool
    page: Path | None
    seconds: float


def prepare(
    source: StrPath,
    out: StrPath,
    *,
    skip_bad: bool = False,
    page: bool = True,
    split: SplitChoice | Protocol | None = None,
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    reporter: Reporter = SILENT,
) -> PrepareResult:
    """Checks pictures and masks, splits them, and writes a data set folder.

    Args:
        source: A folder of pictures, or the word `drawn` for drawn capsules.
        out: The data set folder to write; new or empty.
        skip_bad: Leave out pictures that have problems instead of refusing.
        page: Write dataset.html, too; this doubles the time.
        split: Whether to keep the split of the folders, or to draw a new one; None keeps that of
            folders such as `train/crack` and `val/crack`, but not MVTec AD's.
        overrides: Settings to change, such as `data.seed=3`.
        config_dir: A folder of your own config groups.
        reporter: Follows the progress.

    Raises:
        UsageError: `source` is no folder, or `out` is not empty or cannot be written to.
        DataError: `source` is in no known layout.
        UnfitDataError: Pictures or masks have problems, which it lists; nothing was written.
    """
    start = time.perf_counter()
    settings = compose_settings(overrides, config_dir, light=True, reporter=reporter)
    # Only the word stands for drawn capsules: a path of that name is a folder.
    where = source if isinstance(source, str) else Path(source)
    prepared = prepare_dataset(where, as_output(out), settings.data, skip_bad, reporter, split)
    return PrepareResult(
        folder=prepared.folder,
        data=prepared.data,
        problems=prepared.problems,
        shows_capsules=prepared.shows_capsules,
        page=_write_page(prepared, reporter) if page else None,
        seconds=time.perf_counter() - start,
    )


def _write_page(prepared: Prepared, reporter: Reporter) -> Path:
    """Writes dataset.html beside the manifest; returns its path."""
    from capsule_inspect.pages.dataset_page import DATASET_PAGE_FILE, make_dataset_page  # Jinja

    data = prepared.data
    with reporter.progress(len(data.samples), "Looking") as advance:
        surveyed = survey(data, choose_roi(data), advance)
    page = prepared.folder / DATASET_PAGE_FILE
    write_text(page, make_dataset_page(data, surveyed, prepared.problems))
    return page


@dataclass(frozen=True)
class AddResult:
    """A data set folder to which corrections were added.

    Attributes:
        folder: The data set folder.
        data: The data set.
        changes: The pictures that are new or have another label; empty if all was so already.
        judged: The number of distinct pictures that the corrections give a label.
        problems: Everything worth a warning; with `skip_bad`, what was left out.
        page: The page to look through; None if it was not wanted, or nothing changed.
        seconds: How long it took.
    """

    folder: Path
    data: DataSet
    changes: tuple[Change, ...]
    judged: int
    problems: tuple[Problem, ...]
    page: Path | None
    seconds: float


def add_corrections(
    corrections: StrPath,
    data: StrPath,
    *,
    skip_bad: bool = False,
    page: bool = True,
    new_classes: Sequence[str] = (),
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    reporter: Reporter = SILENT,
) -> AddResult:
    """Adds corrected pictures to a data set folder; each picture keeps its split.

    Args:
        corrections: A results folder that was reviewed, or a corrections.csv.
        data: The data set folder.
        skip_bad: Leave out pictures that have problems instead of refusing.
        page: Write dataset.html anew, too.
        new_classes: Classes of defects that the data set does not have yet.
        overrides: Settings to change; only `data.group` and `data.group_gap` play a part.
        config_dir: A folder of your own config groups.
        reporter: Follows the progress.

    Raises:
        UsageError: The data set folder cannot be written to.
        DataError: There are no corrections, or one of the folders is damaged.
        UnfitDataError: Pictures have problems, which it lists; nothing was written.
    """
    start = time.perf_counter()
    settings = compose_settings(overrides, config_dir, light=True, reporter=reporter)
    folder = Path(data)
    merged = add_to_dataset(
        Path(corrections), folder, settings.data, skip_bad, reporter, new_classes=new_classes
    )
    changed = Prepared(folder, merged.data, merged.problems)
    return AddResult(
        folder=folder,
        data=merged.data,
        changes=merged.changes,
        judged=merged.judged,
        problems=merged.problems,
        page=_write_page(changed, reporter) if page and merged.changes else None,
        seconds=time.perf_counter() - start,
    )
