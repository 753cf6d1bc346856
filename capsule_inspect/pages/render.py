"""Templates → HTML."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from capsule_inspect import __version__
from capsule_inspect.printable import printable


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
