"""`capsule-inspect prepare`: check pictures, split them, and write a data set folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.cli.options import ConfigDir, Overrides, PrintConfig, settings_from
from capsule_inspect.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from capsule_inspect.dataset.check import Problem
    from capsule_inspect.dataset.data_set import DataSet
    from capsule_inspect.dataset.prepare import Prepared


def prepare(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of pictures (MVTec AD, or a folder per class), or the word `drawn`.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The data set folder to write; new or empty."),
    ],
    overrides: Overrides = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out pictures that have problems.")
    ] = False,
    no_page: Annotated[
        bool,
        typer.Option("--no-page", help="Do not write dataset.html, which takes as long again."),
    ] = False,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Check pictures and masks, split them, and write manifest.csv and dataset.json.

    The pictures stay where they are, unchanged. With `drawn` for SOURCE, data.count capsules are
    drawn into OUT from data.seed.

    Examples:
        capsule-inspect prepare mvtec_ad/capsule data/capsule
        capsule-inspect prepare drawn capsules data.count=36 data.seed=3
    """
    settings = settings_from(overrides, config_dir, print_config)
    from collections import Counter
    from time import perf_counter

    from capsule_inspect.cli.console import progress_bar, results, say
    from capsule_inspect.dataset.check import UnfitDataError
    from capsule_inspect.dataset.prepare import DRAWN, prepare_dataset
    from capsule_inspect.text import command_line

    start = perf_counter()
    verb = "Drawing" if source == DRAWN else "Checking"
    try:
        with progress_bar() as bar:
            task = bar.add_task(verb, total=None)
            prepared = prepare_dataset(
                source,
                out,
                settings.data,
                skip_bad,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
    except UnfitDataError as error:
        _list(error.problems, "Problem")
        raise
    _list(prepared.problems, "Left out")
    results.print(_table(prepared.data), soft_wrap=False)
    folds = sorted(Counter(s.fold for s in prepared.data.samples if s.fold is not None).items())
    if folds:
        results.print(f"Pictures per fold: {', '.join(f'{fold}: {n}' for fold, n in folds)}")
    page = "" if no_page else f", and {_write_page(prepared)} to look through,"
    pictures = counted(len(prepared.data.samples), "picture")
    say(
        f"Wrote {pictures} to {out / 'manifest.csv'}{page} in "
        f"{perf_counter() - start:.1f} s. Next: {command_line('train', f'data.dir={out}')}"
    )


def _write_page(prepared: "Prepared") -> Path:
    """Writes dataset.html beside the manifest; returns its path."""
    from capsule_inspect.cli.console import watch_pictures
    from capsule_inspect.dataset.survey import choose_roi, survey
    from capsule_inspect.files import write_text
    from capsule_inspect.pages.dataset_page import DATASET_PAGE_FILE, make_dataset_page

    data = prepared.data
    with watch_pictures(len(data.samples), "Looking") as advance:
        surveyed = survey(data, choose_roi(data), advance)
    page = prepared.folder / DATASET_PAGE_FILE
    write_text(page, make_dataset_page(data, surveyed, prepared.problems))
    return page


def _list(problems: "Iterable[Problem]", fatal: str) -> None:
    """Prints a line per problem, the fatal ones after the word given."""
    from rich.markup import escape

    from capsule_inspect.cli.console import messages

    for problem in problems:
        word = f"[red]{fatal}:[/]" if problem.fatal else "[yellow]Warning:[/]"
        place = f"{problem.path}: " if problem.path else ""
        messages.print(f"{word} {escape(place + problem.message)}")


def _table(data: "DataSet") -> "Table":
    """Builds the table of counts per class and split."""
    from rich.table import Table

    from capsule_inspect.choices import SPLITS

    table = Table(show_footer=True)
    table.add_column("class", footer="all")
    columns = [[data.count(label, split) for label in data.classes] for split in SPLITS]
    columns.append([sum(row) for row in zip(*columns, strict=True)])
    for name, column in zip((*SPLITS, "all"), columns, strict=True):
        table.add_column(name, justify="right", footer=str(sum(column)))
    for label, *counts in zip(data.classes, *columns, strict=True):
        table.add_row(label, *(str(count) for count in counts))
    return table
