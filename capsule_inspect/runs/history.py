"""history.csv: the losses and metrics of every epoch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.runs.run import score
from capsule_inspect.runs.stored import number, read_rows, require_columns

LOSSES = ("loss", "logits_loss", "mask_logits_loss")
"""Mean losses of an epoch: total, label and mask."""

VALIDATION = "val_"
"""Prefix of validation metrics, in history.csv and in Keras's logs."""

_ACCURACY = f"{VALIDATION}accuracy"
"""This column is filled exactly in the rows with a validation."""


@dataclass(frozen=True)
class Epoch:
    """A row of history.csv.

    Attributes:
        number: Number of the epoch, from 1.
        losses: The measured losses by name, from `LOSSES`.
        metrics: Validation metrics by name; empty for an epoch without validation.
    """

    number: int
    losses: Mapping[str, float]
    metrics: Mapping[str, float]


def history_columns(metrics: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of all columns.

    Args:
        metrics: Names of the validation metrics.
    """
    validation = (f"{VALIDATION}{name}" for name in metrics)
    return ("epoch", *LOSSES, "learning_rate", "seconds", *validation)


def validation_metrics(values: Mapping[str, float]) -> dict[str, float]:
    """Returns the validation metrics in a row or in Keras's logs, by name without the prefix."""
    return {
        name.removeprefix(VALIDATION): value
        for name, value in values.items()
        if name.startswith(VALIDATION)
    }


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Reads all epochs so far; skips an incomplete last row.

    Raises:
        DataError: The file is damaged.
    """
    rows = read_rows(path) if path.exists() else []
    require_columns(path, rows, "epoch", _ACCURACY)
    return tuple(_read_epoch(row, path) for row in rows)


def read_scores(path: Path, first_epoch: int = 0) -> list[float]:
    """Reads the scores of all validations so far.

    Args:
        path: history.csv.
        first_epoch: Number of epochs to skip at the start.

    Raises:
        DataError: The file is damaged.
    """
    epochs = read_history(path)
    return [score(each.metrics) for each in epochs if each.metrics and each.number > first_epoch]


def _read_epoch(row: Mapping[str, str], path: Path) -> Epoch:
    values = {name: number(row, name, path) for name, cell in row.items() if cell}
    return Epoch(
        number=int(number(row, "epoch", path)),
        losses={name: values[name] for name in LOSSES if name in values},
        metrics=validation_metrics(values) if row[_ACCURACY] else {},
    )
