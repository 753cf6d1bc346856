"""Readers for the files of a run, which may be damaged."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from capsule_inspect.errors import DataError
from capsule_inspect.modelfile.strict_json import StrictObject, parse_object
from capsule_inspect.runs.run import MetricValue

_METRIC = frozenset({"name", "value", "n", "low", "high"})


def read_json(path: Path) -> dict[str, object]:
    """Reads a JSON object.

    Raises:
        DataError: The file cannot be read or is damaged.
    """
    try:
        return parse_object(_read(path))
    except ValueError as error:
        raise DataError(f"{path.name} is damaged: {error}") from error


def read_rows(path: Path) -> list[dict[str, str]]:
    """Reads the rows of a CSV file with a header; skips an incomplete last row.

    Raises:
        DataError: The file cannot be read or is damaged.
    """
    try:
        text = _read(path).decode()
        whole = text[: text.rfind("\n") + 1]
        table = csv.DictReader(io.StringIO(whole, newline=""), strict=True)
        rows = list(table)
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path.name} is damaged: {error}") from error
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise DataError(f"{path.name} is damaged: row {number} has the wrong number of cells")
    return rows


def require_columns(path: Path, rows: list[dict[str, str]], *columns: str) -> None:
    """Checks that rows have the given columns; passes without rows.

    Raises:
        DataError: A column is missing.
    """
    missing = [name for name in columns if rows and name not in rows[0]]
    if missing:
        raise DataError(f"{path.name} is damaged: it has no column {missing[0]}")


def read_config(path: Path) -> Mapping[str, object]:
    """Reads the resolved settings of a run, as plain values.

    Raises:
        DataError: The file cannot be read or is damaged.
    """
    import yaml

    try:
        settings = yaml.load(_read(path), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is damaged: it is not YAML") from error
    if not isinstance(settings, dict):
        raise DataError(f"{path.name} is damaged: it holds no settings")
    return settings


def whole_number(settings: Mapping[str, object], key: str) -> int:
    """Returns a whole-number setting by its dotted key; 0 if it is missing or of another type."""
    value: object = settings
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) else 0


def metric_values(document: Mapping[str, object], key: str, path: Path) -> tuple[MetricValue, ...]:
    """Returns the metrics under a key of a JSON object.

    Raises:
        DataError: The metrics are missing or damaged.
    """
    try:
        items = StrictObject({key: document.get(key)}, "", frozenset({key})).items(key)
        metrics = [StrictObject(item, f"{key}[]", _METRIC) for item in items]
        return tuple(MetricValue(m.text("name"), m.number("value"), m.count("n")) for m in metrics)
    except ValueError as error:
        raise DataError(f"{path.name} is damaged: {error}") from error


def number(row: Mapping[str, str], column: str, path: Path) -> float:
    """Returns the number in a cell.

    Raises:
        DataError: The cell holds no finite number.
    """
    try:
        return StrictObject({column: float(row[column])}, "", frozenset({column})).number(column)
    except ValueError as error:
        raise DataError(f"{path.name} is damaged: {column} is {row[column]!r}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from error
