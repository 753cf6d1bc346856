"""The rows as Parquet: a folder of files that pandas, DuckDB and Spark read as one table.

They are made from `predictions.csv` once it is whole, piece by piece, so a million rows need no
more memory than a hundred thousand.
"""

import shutil
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.files import UNFINISHED
from capsule_inspect.inference.annotations.listed import digest_line, hash_in_pieces
from capsule_inspect.inference.digests import sha256
from capsule_inspect.inference.records import TEXT_COLUMNS, record_columns
from capsule_inspect.inference.results_folder import ROWS, OpenResults, sentences_for

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP: Final = 20_000
"""What is held in memory at a time."""

GROUPS_PER_FILE: Final = 5
"""So a file has 100,000 rows: a reader of a million opens ten."""

_FEW_VALUES: Final = ["capsule", "status", "label", "threshold", "warning", "error", "decision"]
"""The columns whose values repeat. A dictionary of the others takes memory, and saves nothing."""

_PIECE: Final = 1 << 18
"""Bytes of `predictions.csv` that are read at a time."""


def rows_schema(classes: Sequence[str]) -> "pa.Schema":
    """Returns the columns of all files, in the order of `predictions.csv`, with their types.

    Args:
        classes: Class names in the model's order.
    """
    import pyarrow as pa

    whole = {"capsule": pa.int32(), "defect_area_px": pa.int64()}
    texts = dict.fromkeys(TEXT_COLUMNS, pa.string())
    types = {**whole, **texts}
    return pa.schema([(name, types.get(name, pa.float64())) for name in record_columns(classes)])


def refuse_foreign_rows(results: OpenResults) -> None:
    """Makes sure that the folder of the rows is free, before any picture is inspected.

    Args:
        results: The results folder; its own rows as Parquet are removed.

    Raises:
        UsageError: Somebody else put files there.
    """
    if results.row_files.exists():
        raise UsageError(
            f"'{results.row_files}' holds files that no run wrote. Move them to another place, and "
            "continue with --resume."
        )


def write_parquet(results: OpenResults, classes: Sequence[str]) -> str:
    """Writes the rows of a run that is done as Parquet; all files appear at once.

    Args:
        results: The results folder, whose `predictions.csv` is whole.
        classes: Class names in the model's order.

    Returns:
        SHA-256 of the list of their digests, for the seal.

    Raises:
        DataError: `predictions.csv` is not as the run wrote it.
        UsageError: The folder cannot be written, or holds other files in `rows`.
    """
    refuse_foreign_rows(results)
    unfinished = results.path / f"{UNFINISHED}{ROWS}"
    with sentences_for(results.path):
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir()
        lines = b"".join(_write_files(results.records, unfinished, classes))
        results.write(results.row_digests.name, lines)  # first, so that no run loses track
        unfinished.replace(results.row_files)
    return sha256(lines)


def _write_files(records: Path, folder: Path, classes: Sequence[str]) -> Iterator[bytes]:
    """Writes the files, and yields the line of each for the list of digests."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = rows_schema(classes)
    try:
        groups = _groups(records, schema)
        for number, first in enumerate(groups):
            file = folder / f"part-{number:05}.parquet"
            with parquet.ParquetWriter(file, schema, use_dictionary=_FEW_VALUES) as writer:
                for group in chain([first], islice(groups, GROUPS_PER_FILE - 1)):
                    writer.write_table(group)
            yield digest_line(hash_in_pieces(file), f"{ROWS}/{file.name}")
    except pa.ArrowInvalid as error:
        raise DataError(f"'{records}' cannot be read as a predictions.csv: {error}.") from error


def _groups(records: Path, schema: "pa.Schema") -> Iterator["pa.Table"]:
    """Yields the rows that are written at a time; of no rows, a table with nothing but columns."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    count, is_first = 0, True
    for batch in _batches(records, schema):
        left = batch
        while count + left.num_rows >= ROWS_PER_GROUP:
            own = left.slice(0, ROWS_PER_GROUP - count)
            yield pa.Table.from_batches([*held, own], schema)
            left, held, count, is_first = left.slice(own.num_rows), [], 0, False
        held.append(left)
        count += left.num_rows
    if count or is_first:
        yield pa.Table.from_batches(held, schema)


def _batches(records: Path, schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    from pyarrow import csv

    reader = csv.open_csv(
        records,
        # One thread: several hold more pieces in memory.
        csv.ReadOptions(use_threads=False, block_size=_PIECE),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, check_utf8=True
        ),
    )
    for batch in reader:
        columns = [_without_guard(column) for column in batch.columns]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _without_guard(column: Any) -> Any:
    """Returns a column without the `'` that guards texts from spreadsheets."""
    import pyarrow as pa
    from pyarrow import compute

    if column.type != pa.string():
        return column
    guarded = compute.starts_with(column, "'")
    return compute.if_else(guarded, compute.utf8_slice_codeunits(column, 1), column)
