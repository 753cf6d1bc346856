"""Time and memory of writing rows as Parquet, and how pandas, PyArrow and DuckDB read them.

Usage: python benchmarks/parquet.py [ROWS]      (1,000,000)

The rows are made up: capsules, pictures without one, files that could not be read, and texts that
the CSV guards from spreadsheets. Each reader takes the folder as one table; its cells are compared
with those of `predictions.csv`, as the csv module of Python reads them.
"""

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from memory import KIB_PER_MIB, START_AND_MEASURE
from rich.console import Console
from rich.table import Table

from capsule_inspect.inference.records import (
    TEXT_COLUMNS,
    Record,
    RecordWriter,
    record_columns,
)
from capsule_inspect.inference.results_folder import ResultsFolder

CLASSES = ("good", "crack", "faulty_imprint", "poke", "scratch", "squeeze")
CHUNK = 50_000

Row: TypeAlias = tuple[object, ...]

_WRITE = f"""
import sys
from pathlib import Path
from capsule_inspect.inference.parquet_rows import write_parquet
from capsule_inspect.inference.results_folder import OpenResults
write_parquet(OpenResults(Path(sys.argv[1])), {CLASSES!r})
"""


def make_rows(folder: Path, count: int) -> None:
    """Writes a `predictions.csv` of so many rows."""
    with RecordWriter(folder / "predictions.csv", CLASSES) as writer:
        for start in range(0, count, 1000):
            writer.write([_record(number) for number in range(start, min(start + 1000, count))])


def _record(number: int) -> Record:
    path = f"{'=line' if number % 97 == 0 else 'line'}-{number % 7}/day {number:07}, é.png"
    if number % 50 == 0:
        return Record(path, "error", error=f"The file '{path}' does not\nexist; \"check\" it.")
    if number % 50 == 1:
        return Record(path, "no_capsule", overlay=f"overlays/{path}.png", decision="reject")
    score = (number * 7919 % 999_983) / 1e6
    return Record(
        path,
        "ok",
        capsule=number % 3,
        label=CLASSES[number % 6],
        confidence=1 - score,
        defect_score=score,
        threshold=0.09650465959570748,
        probabilities=tuple(score / (place + 1) for place in range(6)),
        defect_area_px=number % 100_003 * 7 if number % 4 else None,
        defect_area_pct=round(score * 100, 4) if number % 4 else None,
        x=number % 1000 / 7,
        y=number % 999 / 3,
        width=402.5,
        height=150.0,
        angle=number % 360 - 179.5,
        overlay=f"overlays/{path}.png",
        warning="-blurred" if number % 11 == 0 else "",
        decision="accept",
    )


def write(folder: Path) -> tuple[float, float]:
    """Makes Parquet of the rows, in a process of its own; returns seconds and its peak in MiB."""
    begun = time.perf_counter()
    run = [sys.executable, "-c", START_AND_MEASURE, sys.executable, "-c", _WRITE, str(folder)]
    done = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - begun, float(done.stdout) / KIB_PER_MIB


def rows_of_csv(file: Path) -> Iterator[Row]:
    """Yields the rows of a `predictions.csv`: numbers as numbers, empty cells as None."""
    with file.open(newline="", encoding="utf-8") as text:
        reader = csv.reader(text)
        is_text = [column in TEXT_COLUMNS for column in next(reader)]
        for cells in reader:
            yield tuple(
                (cell.removeprefix("'") if kept else float(cell)) if cell else None
                for cell, kept in zip(cells, is_text, strict=True)
            )


def read_with_pandas(folder: Path) -> Iterator[Row]:
    """Yields the rows that pandas reads of a folder."""
    import pandas as pd

    frame = pd.read_parquet(folder)
    for start in range(0, len(frame), CHUNK):
        part: Any = frame.iloc[start : start + CHUNK].astype(object)
        yield from part.where(part.notna(), None).itertuples(index=False, name=None)


def read_with_pyarrow(folder: Path) -> Iterator[Row]:
    """Yields the rows that PyArrow reads of a folder."""
    from pyarrow import parquet

    for batch in parquet.read_table(folder).to_batches(CHUNK):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def read_with_duckdb(folder: Path) -> Iterator[Row]:
    """Yields the rows that DuckDB reads of a folder."""
    import duckdb

    found = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [f"{folder}/*.parquet"])
    while rows := found.fetchmany(CHUNK):
        yield from rows


READERS: dict[str, Callable[[Path], Iterable[Row]]] = {
    "pandas": read_with_pandas,
    "PyArrow": read_with_pyarrow,
    "DuckDB": read_with_duckdb,
}


def compare(results: ResultsFolder, read: Callable[[Path], Iterable[Row]]) -> tuple[int, int]:
    """Returns how many rows a reader finds in the folder, and how many of them are as in the CSV.

    Args:
        results: The results folder.
        read: Yields the rows of a folder of Parquet.
    """
    count = same = 0
    for row, own in zip_longest(read(results.row_files), rows_of_csv(results.records)):
        count += row is not None
        same += row == own
    return count, same


def schemas(files: Sequence[Path]) -> set[str]:
    """Returns the different schemas of files, as text."""
    from pyarrow import parquet

    return {str(parquet.read_schema(file)) for file in files}


def main(count: Annotated[int, typer.Argument()] = 1_000_000) -> None:
    """Prints the tables."""
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        results = ResultsFolder(Path(name))
        make_rows(results.path, count)
        taken, peak = write(results.path)
        files = sorted(results.row_files.iterdir())
        table = Table(
            "of the process", "value", title=f"{count} rows, {len(record_columns(CLASSES))} columns"
        )
        table.add_row("time, s", f"{taken:.1f}")
        table.add_row("peak resident memory, MiB", f"{peak:.0f}")
        table.add_row("files", f"{len(files)}")
        table.add_row("schemas", f"{len(schemas(files))}")
        csv_mb, parquet_mb = (sum(map(_megabytes, each)) for each in ([results.records], files))
        table.add_row("CSV, MB", f"{csv_mb:.1f}")
        table.add_row("Parquet, MB", f"{parquet_mb:.1f}")
        console.print(table)
        table = Table("read with", "rows", "as in the CSV")
        for reader, read in READERS.items():
            table.add_row(reader, *map(str, compare(results, read)))
        console.print(table)


def _megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6


if __name__ == "__main__":
    typer.run(main)
