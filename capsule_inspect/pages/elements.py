"""The elements of HTML pages, and the rendering of templates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from capsule_inspect import __version__
from capsule_inspect.text import printable

_MOST_ROWS = 5000
"""Most rows of a table; a longer page would open slowly."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Fact:
    """A number in a tile at the top of a page.

    Attributes:
        name: Name of the number.
        value: The number as text.
        detail: A second line, such as a confidence interval.
    """

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Shown:
    """A picture embedded in a page.

    Attributes:
        data: A `data:` URL.
        caption: The caption; may be empty.
    """

    data: str
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """A card of a gallery: one picture, or two side by side, with a text.

    Attributes:
        pictures: One or two pictures.
        title: The label.
        path: Path of the picture's file; empty for none.
        is_good: Decides the colour of the title.
        detail: Text after the title.
        row: The number of its row, by which scripts find its picture; None for none.
    """

    pictures: tuple[Shown, ...]
    title: str
    path: str
    is_good: bool
    detail: str = ""
    row: int | None = None


@dataclass(frozen=True)
class Column:
    """A column of a sortable table.

    Attributes:
        name: The heading.
        is_number: Whether cells are numbers, which sort by value and align right.
        is_long: Whether cells may take several lines.
    """

    name: str
    is_number: bool = False
    is_long: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a sortable table.

    Attributes:
        cells: Texts, in the order of the columns.
        groups: Names of the groups that the row can be filtered by, without line breaks.
    """

    cells: Sequence[str]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A sortable table.

    Attributes:
        columns: The columns.
        rows: The rows, not too many to show.
        left_out: The number of rows that were too many.
        groups: Names of the groups to choose from.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    left_out: int
    groups: tuple[str, ...]


def make_table(
    columns: tuple[Column, ...],
    items: Sequence[_Item],
    row_of: Callable[[_Item], Row],
    *,
    groups: tuple[str, ...] | None = None,
    can_go: Callable[[_Item], bool] = lambda _: False,
) -> Table:
    """Makes a table with a row for each item, or for as many as a page can hold.

    Args:
        columns: The columns.
        items: What the rows show, in order.
        row_of: Makes the row of an item.
        groups: Names of the groups to choose from; by default those of the rows, sorted.
        can_go: Tells which items to leave out first, if there are too many.
    """
    shown = items if len(items) <= _MOST_ROWS else sorted(items, key=can_go)[:_MOST_ROWS]
    rows = tuple(map(row_of, shown))
    if groups is None:
        groups = tuple(sorted({group for row in rows for group in row.groups}))
    return Table(columns, rows, len(items) - len(rows), groups)


def render(template: str, **values: object) -> str:
    """Renders a template with autoescaping.

    Args:
        template: File name in `templates/`.
        values: The variables of the template.

    Returns:
        A complete HTML document that loads no other file.
    """
    page = _environment().get_template(template).render(version=__version__, **values)
    # File names may hold bytes that are not text.
    return printable(page)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
