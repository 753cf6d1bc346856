"""history.csv: the losses and metrics of every epoch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.runs.run import score
from capsule_inspect.runs.stored import number, read_rows, require_columns

LOSSES = ("loss", "logits_loss", "mask_logits_loss")
"""Means over the epoch: of all, of the label, of the mask."""

VALIDATION = "val_"
"""With this begin names of metrics of the validation split, here and in what Keras logs."""

_ACCURACY = f"{VALIDATION}accuracy"
"""Filled in every row that was validated."""


@dataclass(frozen=True)
class Epoch:
    """A row.

    Attributes:
        number: From 1.
        losses: By their names in `LOSSES`, but for those that were not measured.
        metrics: Of the validation split, by their own names; empty where it was not measured.
    """

    number: int
    losses: Mapping[str, float]
    metrics: Mapping[str, float]


def history_columns(metrics: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of all columns, given those of the metrics."""
    validation = (f"{VALIDATION}{name}" for name in metrics)
    return ("epoch", *LOSSES, "learning_rate", "seconds", *validation)


def validation_metrics(values: Mapping[str, float]) -> dict[str, float]:
    """Returns what a row or Keras's logs hold of the validation split, by the metric's name."""
    return {
        name.removeprefix(VALIDATION): value
        for name, value in values.items()
        if name.startswith(VALIDATION)
    }


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Reads all epochs so far; a last row that is half written is left out.

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
        first_epoch: Epochs to leave out, from the beginning.

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
