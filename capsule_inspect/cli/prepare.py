"""`capsule-inspect prepare`: check pictures, split them, and write a data set folder."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.choices import WHOLE_PICTURE, SplitChoice
from capsule_inspect.cli.next_steps import train_next
from capsule_inspect.cli.options import ConfigDir, PrintConfig, print_settings, settings_argument
from capsule_inspect.cli.streams import without_library_lines
from capsule_inspect.dataset.layouts.registry import layouts
from capsule_inspect.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.dataset.data_set import DataSet
    from capsule_inspect.dataset.problems import Problem


def _layout_names() -> str:
    return " or ".join(layout.name for layout in layouts())


def prepare(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help=f"A folder of pictures ({_layout_names()}), or the word `drawn`.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The data set folder to write; new or empty."),
    ],
    overrides: Annotated[list[str] | None, settings_argument("data.seed=3")] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out pictures with problems instead of stopping."),
    ] = False,
    split: Annotated[
        SplitChoice | None,
        typer.Option(
            "--split",
            help="Keep the split of the folders, or draw a new one. By default that of folders "
            "such as `train/crack` and `val/crack` is kept, but not MVTec AD's.",
            show_default=False,
        ),
    ] = None,
    no_page: Annotated[
        bool,
        typer.Option("--no-page", help="Do not write dataset.html. This halves the time."),
    ] = False,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Check pictures and masks, split them, and write manifest.csv and dataset.json.

    Your pictures stay where they are, unchanged. data.good names the class without a defect if the
    name does not tell; data.group finds the part that a picture shows, so that its pictures stay in
    one split; data.val and data.test are the shares of the splits.

    If SOURCE is `drawn`, the command draws sample capsules into OUT: data.count sets their number,
    data.seed how they look.

    Examples:
        capsule-inspect prepare mvtec_ad/capsule data/capsule
        capsule-inspect prepare drawn capsules data.count=36 data.seed=3
    """
    if print_config:
        print_settings(overrides, config_dir)
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.dataset.problems import UnfitDataError
    from capsule_inspect.workflows import prepare as workflow

    terminal = Terminal()
    try:
        with without_library_lines():
            result = workflow.prepare(
                source,
                out,
                skip_bad=skip_bad,
                page=not no_page,
                split=split,
                overrides=overrides or (),
                config_dir=config_dir,
                reporter=terminal,
            )
    except UnfitDataError as error:
        _list(terminal, error.problems, "Problem")
        raise
    _list(terminal, result.problems, "Left out")
    terminal.results.print(_table(result.data), soft_wrap=False)
    folds = sorted(Counter(s.fold for s in result.data.samples if s.fold is not None).items())
    if folds:
        counts = ", ".join(f"{fold}: {n}" for fold, n in folds)
        terminal.results.print(f"Pictures per fold: {counts}")
    page = f", and the page {result.page}," if result.page else ""
    pictures = counted(len(result.data.samples), "picture")
    if parts := result.data.parts:
        pictures += f" of {counted(len(parts), 'part')}"
    can_train = len(result.data.classes) > 1
    then = train_next(out, *(() if result.shows_capsules else (WHOLE_PICTURE,)))
    terminal.say(
        f"Wrote {pictures} to {out / 'manifest.csv'}{page} in {result.seconds:.1f} s."
        + (f" Next: {then}" if can_train else "")
    )


def _list(terminal: "Terminal", problems: "Iterable[Problem]", fatal: str) -> None:
    """Prints the remarks on problems, the fatal ones last and after the word given."""
    from capsule_inspect.dataset.problems import remark_on

    for remark in remark_on(problems):
        word, colour = (fatal, "red") if remark.fatal else ("Warning", "yellow")
        place = f"{remark.place}: " if remark.place else ""
        terminal.mark(word, colour, place + remark.message)


def _table(data: "DataSet") -> "Table":
    """Builds the table of counts per class and split."""
    from rich.table import Table
    from rich.text import Text

    from capsule_inspect.choices import ALL, SPLITS, SPLITS_AND_ALL

    table = Table(show_footer=True)
    table.add_column("class", footer=ALL)
    columns = [[data.count(label, split) for label in data.classes] for split in SPLITS]
    columns.append([sum(row) for row in zip(*columns, strict=True)])
    for name, column in zip(SPLITS_AND_ALL, columns, strict=True):
        table.add_column(name, justify="right", footer=str(sum(column)))
    for label, *counts in zip(data.classes, *columns, strict=True):
        table.add_row(Text(label), *(str(count) for count in counts))
    return table
