"""Print the rows of `predict`, as JSON lines or as a table."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from capsule_inspect.choices import GOOD
from capsule_inspect.cli.console import results
from capsule_inspect.errors import UsageError
from capsule_inspect.text import on_one_line

if TYPE_CHECKING:
    from capsule_inspect.inference.records import Record


_WIDE = 100
"""Characters to a line that leave room for paths beside headings of one line."""


class RecordPrinter:
    """Prints rows in the form asked for.

    Args:
        classes: Class names in the model's order.
        as_json: Print each as a line of JSON.
        as_table: Print all as a table at the end.
    """

    def __init__(self, classes: Sequence[str], as_json: bool, as_table: bool) -> None:
        self._classes = classes
        self._as_json = as_json
        self._records: list[Record] | None = [] if as_table else None

    def take(self, records: "Sequence[Record]") -> None:
        """Prints the rows of a picture, or keeps them for the table."""
        if self._records is not None:
            self._records += records
        if self._as_json:
            try:
                for record in records:
                    typer.echo(record.to_json(self._classes))
            except BrokenPipeError:
                raise  # the reader has left, which is no fault
            except OSError as error:
                raise UsageError(f"The rows cannot be printed: {error.strerror}.") from error

    def finish(self) -> None:
        """Prints the table."""
        if self._records is not None:
            results.print(_table(self._records, results.width), soft_wrap=False)


def _table(records: "Sequence[Record]", width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=width < _WIDE)
    table.add_column("picture", overflow="fold")
    table.add_column("label", no_wrap=True)
    for name in ("confidence", "defect score", "defect area"):
        heading = name if width >= _WIDE else name.replace(" ", "\n")
        table.add_column(heading, justify="right", no_wrap=True)
    for record in records:
        colour = "green" if record.label == GOOD else "red"
        area = record.defect_area_pct
        table.add_row(
            Text.assemble(on_one_line(record.path), *_error(record)),
            Text(record.label or record.status.replace("_", " "), colour),
            "" if record.confidence is None else f"{record.confidence:.3f}",
            "" if record.defect_score is None else f"{record.defect_score:.3f}",
            "" if area is None else f"{area:.2f} %",
        )
    return table


def _error(record: "Record") -> Iterator[tuple[str, str]]:
    if record.error:
        yield f"\n{on_one_line(record.error)}", "dim"
