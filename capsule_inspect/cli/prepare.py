"""`capsule-inspect prepare`: check pictures, split them, and write a data set folder."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from capsule_inspect.choices import WHOLE_PICTURE, Protocol, SplitChoice
from capsule_inspect.cli.next_steps import train_next
from capsule_inspect.cli.options import ConfigDir, PrintConfig, print_settings, settings_argument
from capsule_inspect.cli.streams import without_library_lines
from capsule_inspect.dataset.layouts.registry import layouts
from capsule_inspect.errors import UsageError
from capsule_inspect.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.dataset.data_set import DataSet
    from capsule_inspect.dataset.problems import Problem
    from capsule_inspect.workflows.prepare import AddResult, PrepareResult


_CORRECTIONS: Final = "Corrections"
"""The heading of options for what people have judged."""


def _layout_names() -> str:
    *first, last = (layout.name for layout in layouts())
    return f"{', '.join(first)} or {last}"


def prepare(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help=f"A folder of pictures ({_layout_names()}), or the word `drawn`. With --add: a "
            "results folder that was reviewed, or a corrections.csv.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="The data set folder to write; new or empty, but for --add."
        ),
    ],
    overrides: Annotated[list[str] | None, settings_argument("data.seed=3")] = None,
    add: Annotated[
        bool,
        typer.Option(
            "--add",
            help="Add the pictures that people have judged with `review` to the data set OUT.",
            rich_help_panel=_CORRECTIONS,
        ),
    ] = False,
    new_classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="With --add: take a class of defects that OUT does not have yet; once for each.",
            rich_help_panel=_CORRECTIONS,
            show_default=False,
        ),
    ] = None,
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
    protocol: Annotated[
        Protocol | None,
        typer.Option(
            "--protocol",
            help="Keep the split of a benchmark: MVTec AD's learns from good pictures alone.",
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
    r"""Check pictures and masks, split them, and write manifest.csv and dataset.json.

    Your pictures stay where they are, unchanged. data.good names the class without a defect if the
    name does not tell; data.val and data.test are the shares of the splits. Pictures of one part
    stay in one split if data.group, a regular expression on the path, finds the part, such as
    "data.group=part(\d+)"; data.group_gap joins near numbers.

    If SOURCE is `drawn`, the command draws sample capsules into OUT: data.count sets their number,
    data.seed how they look.

    With --add, pictures that were judged get that label in the data set OUT, and new ones join it;
    each picture keeps its split.

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
    if add and (split or protocol):
        raise UsageError(
            "--add leaves each picture in its split. Leave out --split and --protocol."
        )
    if new_classes and not add:
        raise UsageError("--class is for --add. The folders of SOURCE name the classes.")
    try:
        with without_library_lines():
            if add:
                added = workflow.add_corrections(
                    source,
                    out,
                    skip_bad=skip_bad,
                    page=not no_page,
                    new_classes=new_classes or (),
                    overrides=overrides or (),
                    config_dir=config_dir,
                    reporter=terminal,
                )
                _tell_of_corrections(terminal, added)
                return
            result = workflow.prepare(
                source,
                out,
                skip_bad=skip_bad,
                page=not no_page,
                split=protocol or split,
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
    can_train = len(result.data.of_split("train")) > 0
    then = train_next(out, *_settings_for(result))
    terminal.say(
        f"Wrote {pictures} to {out / 'manifest.csv'}{page} in {result.seconds:.1f} s."
        + (f" Next: {then}" if can_train else "")
    )


_TURNED: Final = 0.1
"""Share of the pictures from which on some count as upright, and others as not."""


def _settings_for(result: "PrepareResult") -> "Iterator[str]":
    """Yields the settings that training on a data set needs."""
    if result.shows_capsules:
        return
    yield WHOLE_PICTURE
    samples = result.data.samples
    upright = sum(sample.height > sample.width for sample in samples)
    lying = sum(sample.height < sample.width for sample in samples)
    if min(upright, lying) >= _TURNED * len(samples):
        yield "model.roi.mode=whole"


def _tell_of_corrections(terminal: "Terminal", added: "AddResult") -> None:
    """Prints what corrections changed in a data set."""
    _list(terminal, added.problems, "Left out")
    folder = added.folder
    if not added.changes:
        judged = counted(added.judged, "judged picture")
        terminal.say(f"Nothing to add: {folder} has the labels of {judged} already.")
        return
    terminal.results.print(_table(added.data), soft_wrap=False)
    new = sum(change.is_new for change in added.changes)
    page = f", and the page {added.page}," if added.page else ""
    terminal.say(
        f"Relabelled {counted(len(added.changes) - new, 'picture')} and added {new} in "
        f"{folder / 'manifest.csv'}{page} in {added.seconds:.1f} s; history.csv tells who and "
        f"when. Next: {train_next(folder)}"
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
