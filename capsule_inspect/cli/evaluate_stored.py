"""Measuring stored predictions once more, without pictures or networks."""

from pathlib import Path

from capsule_inspect.cli.tables import print_evaluation
from capsule_inspect.evaluation.cross_validation import pool_predictions
from capsule_inspect.evaluation.out_of_fold import OUT_OF_FOLD_FILE, read_out_of_fold
from capsule_inspect.modelfile.metric import Metric


def find_stored(model: Path) -> Path | None:
    """Returns the stored predictions that a path stands for: the file, or a folder with one."""
    file = model / OUT_OF_FOLD_FILE if model.is_dir() else model
    return file if file.suffix == ".csv" and file.is_file() else None


def evaluate_stored(file: Path) -> tuple[Metric, ...]:
    """Measures stored predictions, prints what came of it, and returns the metrics.

    Raises:
        DataError: The file cannot be read or is no `out_of_fold.csv`.
    """
    measured = pool_predictions(*read_out_of_fold(file))
    pictures = f"{measured.pictures} pictures, as {file} has them"
    print_evaluation(measured.pooled, pictures, measured.spread)
    return measured.pooled.metrics
