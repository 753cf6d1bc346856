"""Elements of pages, and how templates are rendered."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from capsule_inspect import __version__
from capsule_inspect.text import printable

MOST_ROWS = 5000
"""Of a table: a page of more would be slow to open."""


@dataclass(frozen=True)
class Fact:
    """A number in large letters.

    Attributes:
        name: What it is.
        value: As text.
        detail: A second line, such as an interval.
    """

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Shown:
    """A picture inside the page.

    Attributes:
        data: A `data:` address.
        caption: What it shows; empty where that is plain.
    """

    data: str
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """One picture of a gallery, or two side by side, and what is to be said of it.

    Attributes:
        pictures: The picture, or pictures.
        title: The label.
        path: Of the picture's file; empty for none.
        is_good: Decides the colour of the title.
        detail: What follows the title.
    """

    pictures: tuple[Shown, ...]
    title: str
    path: str
    is_good: bool
    detail: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table that sorts and filters.

    Attributes:
        name: Its head.
        is_number: Sorted by value and set flush right.
        is_long: May take several lines.
    """

    name: str
    is_number: bool = False
    is_long: bool = False


@dataclass(frozen=True)
class Row:
    """A row of such a table.

    Attributes:
        cells: As text, in the order of the columns.
        groups: Names by which it can be chosen, without line breaks.
    """

    cells: Sequence[str]
    groups: tuple[str, ...] = ()


def render(template: str, **values: object) -> str:
    """Fills a template of this room; text is escaped, whatever it holds.

    Args:
        template: Its file name.
        values: What it shows.

    Returns:
        A whole HTML document that loads nothing.
    """
    page = _environment().get_template(template).render(version=__version__, **values)
    # File names need not be text.
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
