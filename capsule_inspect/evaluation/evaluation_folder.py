"""The folder that `evaluate` writes to."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect import __version__
from capsule_inspect.errors import UsageError
from capsule_inspect.evaluation.cross_validation import (
    OUT_OF_FOLD_FILE,
    CrossValidation,
    write_out_of_fold,
)
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.judge import judgement_cells, judgement_columns
from capsule_inspect.files import write_csv, write_json
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint

METRICS_FILE = "metrics.json"
PICTURES_FILE = "pictures.csv"


def clear_evaluation(folder: Path) -> None:
    """Deletes the files of an evaluation in a folder, and nothing else.

    Raises:
        UsageError: The folder holds something, but no evaluation.
    """
    files = [folder / name for name in (METRICS_FILE, PICTURES_FILE, OUT_OF_FOLD_FILE)]
    if not files[0].is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"'{folder}' holds no evaluation to overwrite. Name another folder.")
        return
    # The figures last: as long as they are there, the folder can be cleared again.
    for file in (*(folder / name for name in _BESIDE), *reversed(files)):
        file.unlink(missing_ok=True)


_BESIDE = ("config.yaml", "environment.json", "report.html")


def write_evaluation(
    folder: Path, evaluation: Evaluation, model: Path, model_sha256: str, caution: str = ""
) -> None:
    """Writes metrics.json and pictures.csv.

    Args:
        folder: An existing folder.
        evaluation: The evaluation.
        model: The path of the model, as people know it.
        model_sha256: SHA-256 of its file.
        caution: A sentence if the model may have seen the pictures it is measured on, else empty.

    Raises:
        OSError: A file cannot be written.
    """
    facts = {
        "model": str(model),
        "model_sha256": model_sha256,
        "n": len(evaluation.judgements),
        "trained_on_this_split": not caution,
        "caution": caution,
    }
    write_json(folder / METRICS_FILE, {**_document(evaluation), **facts})
    write_csv(folder / PICTURES_FILE, _rows(evaluation, model_sha256))


@dataclass(frozen=True)
class StudyFacts:
    """Facts of a measured study. They also hold for a network trained on all its pictures.

    Attributes:
        study: The folder of the study.
        file: The name of the model file that was measured in each run.
        point: The operating point chosen on all folds.
        pictures_sha256: Identifies the pictures.
        measured_on: How they were measured, in words.
    """

    study: Path
    file: str
    point: OperatingPoint
    pictures_sha256: str
    measured_on: str


def write_cross_validation(folder: Path, measured: CrossValidation, facts: StudyFacts) -> None:
    """Writes metrics.json, with pooled metrics and those of each seed, and out_of_fold.csv.

    Args:
        folder: An existing folder.
        measured: The cross-validation.
        facts: The study.

    Raises:
        OSError: A file cannot be written.
    """
    pooled = measured.pooled
    document = {
        **_document(pooled),
        "study": str(facts.study),
        "file": facts.file,
        "n": measured.pictures,
        "measured_on": facts.measured_on,
        "pictures_sha256": facts.pictures_sha256,
        "operating_point": dataclasses.asdict(facts.point),
        "spread": measured.spread,
        "by_seed": [
            {"seed": seed, "metrics": _as_dicts(evaluation.metrics)}
            for seed, evaluation in measured.by_seed.items()
        ],
    }
    write_json(folder / METRICS_FILE, document)
    write_out_of_fold(folder / OUT_OF_FOLD_FILE, measured.predictions, pooled.classes)


def _document(evaluation: Evaluation) -> dict[str, object]:
    return {
        "split": evaluation.split,
        "metrics": _as_dicts(evaluation.metrics),
        "per_class": [dataclasses.asdict(each) for each in evaluation.per_class],
        "confusion": dataclasses.asdict(evaluation.confusion),
        "tool_version": __version__,
    }


def _as_dicts(metrics: Iterable[Metric]) -> list[dict[str, object]]:
    return [dataclasses.asdict(metric) for metric in metrics]


def _rows(evaluation: Evaluation, model_sha256: str) -> Iterator[list[object]]:
    yield [*judgement_columns(evaluation.classes), "model_sha256"]
    for each in evaluation.judgements:
        yield [*judgement_cells(each, len(evaluation.classes)), model_sha256]
