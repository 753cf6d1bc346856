"""out_of_fold.csv: what networks said of pictures that they have not seen."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.errors import DataError
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.judgement_rows import (
    judgement_cells,
    judgement_columns,
    read_classes,
    read_judgement,
)
from capsule_inspect.replacing import replace_csv

OUT_OF_FOLD_FILE = "out_of_fold.csv"


@dataclass(frozen=True)
class OutOfFold:
    """A judgement by a network that has not seen the picture.

    Attributes:
        judgement: The judgement.
        fold: The fold of the picture.
        seed: The seed of the network, which dealt the folds, too.
        temperature: Of the network's operating point, which other folds chose.
        threshold: The same.
        mask_threshold: The same.
        model_sha256: SHA-256 of the network's file.
    """

    judgement: Judgement
    fold: int
    seed: int
    temperature: float
    threshold: float
    mask_threshold: float
    model_sha256: str


def write_out_of_fold(path: Path, predictions: Sequence[OutOfFold], classes: Sequence[str]) -> None:
    """Writes one row per prediction.

    Args:
        path: The file; its folder exists.
        predictions: In the order of the rows.
        classes: Class names, `good` first.

    Raises:
        OSError: The file cannot be written.
    """
    replace_csv(path, _rows(predictions, classes))


def read_out_of_fold(path: Path) -> tuple[tuple[OutOfFold, ...], tuple[str, ...]]:
    """Reads the predictions, and the class names.

    Raises:
        DataError: The file is missing or damaged, or holds no predictions.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, strict=True)
            classes = read_classes(reader.fieldnames or ())
            predictions = tuple(
                OutOfFold(
                    judgement=read_judgement(row, classes),
                    fold=int(row["fold"]),
                    seed=int(row["seed"]),
                    temperature=float(row["temperature"]),
                    threshold=float(row["threshold"]),
                    mask_threshold=float(row["mask_threshold"]),
                    model_sha256=row["model_sha256"],
                )
                for row in reader
            )
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror}).") from error
    except (KeyError, ValueError, TypeError, IndexError, csv.Error) as error:
        raise DataError(
            f"'{path}' is damaged ({error}). Write it again with `capsule-inspect evaluate STUDY`."
        ) from error
    if not predictions:
        raise DataError(f"'{path}' holds no predictions.")
    return predictions, classes


def _rows(predictions: Sequence[OutOfFold], classes: Sequence[str]) -> Iterator[list[object]]:
    point = ["temperature", "threshold", "mask_threshold"]
    yield [*judgement_columns(classes), "fold", "seed", *point, "model_sha256"]
    for each in predictions:
        numbers = [each.fold, each.seed, each.temperature, each.threshold, each.mask_threshold]
        yield [*judgement_cells(each.judgement, len(classes)), *numbers, each.model_sha256]
