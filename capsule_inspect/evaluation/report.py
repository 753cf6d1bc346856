"""Writing an evaluation down."""

import csv
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from capsule_inspect import __version__
from capsule_inspect.evaluation.cross_validation import CrossValidation
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.modelfile.metadata import Metric

METRICS_FILE = "metrics.json"
PICTURES_FILE = "pictures.csv"
OUT_OF_FOLD_FILE = "out_of_fold.csv"


def write_report(
    folder: Path, evaluation: Evaluation, model: Path, model_sha256: str, as_trained: bool = True
) -> None:
    """Writes metrics.json and pictures.csv.

    Args:
        folder: An existing folder.
        evaluation: What to write.
        model: The evaluated model, for people.
        model_sha256: SHA-256 of its file.
        as_trained: Whether the model was trained on this data set's split `train`; if not, it may
            have seen what it is measured on.
    """
    facts = {
        "model": str(model),
        "model_sha256": model_sha256,
        "n": len(evaluation.judgements),
        "trained_on_this_split": as_trained,
    }
    _write_json(folder / METRICS_FILE, {**_document(evaluation), **facts})
    rows = ([*_cells(j, len(evaluation.classes)), model_sha256] for j in evaluation.judgements)
    _write_rows(folder / PICTURES_FILE, [*_columns(evaluation.classes), "model_sha256"], rows)


def write_cross_validation(folder: Path, measured: CrossValidation, study: Path, file: str) -> None:
    """Writes metrics.json, with every seed's metrics beside the pooled, and out_of_fold.csv.

    Args:
        folder: An existing folder.
        measured: What to write.
        study: The study's folder, for people.
        file: Name of the file of each run that was measured.
    """
    pooled = measured.pooled
    pictures = {each.judgement.path for each in measured.predictions}
    facts = {
        "study": str(study),
        "file": file,
        "n": len(pictures),
        "spread": measured.spread,
        "by_seed": [
            {"seed": seed, "metrics": _as_dicts(evaluation.metrics)}
            for seed, evaluation in measured.by_seed.items()
        ],
    }
    _write_json(folder / METRICS_FILE, {**_document(pooled), **facts})
    columns = [*_columns(pooled.classes), "fold", "seed", "model_sha256"]
    rows = (
        [*_cells(each.judgement, len(pooled.classes)), each.fold, each.seed, each.model_sha256]
        for each in measured.predictions
    )
    _write_rows(folder / OUT_OF_FOLD_FILE, columns, rows)


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


def _write_json(path: Path, document: dict[str, object]) -> None:
    text = json.dumps(document, indent=2, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _columns(classes: Sequence[str]) -> list[str]:
    probabilities = [f"p_{name}" for name in classes]
    areas = ["dice", "iou", "true_area_px", "predicted_area_px"]
    return ["path", "sha256", "truth", "label", "defect_score", *probabilities, *areas]


def _cells(judgement: Judgement, class_count: int) -> list[object]:
    probabilities = judgement.probabilities or ("",) * class_count
    overlap = judgement.overlap
    areas: list[object] = ["", "", "", ""]
    if overlap is not None:
        areas = [overlap.dice, overlap.iou, overlap.true, overlap.predicted]
    return [
        judgement.path,
        judgement.sha256,
        judgement.truth,
        judgement.label,
        judgement.defect_score,
        *probabilities,
        *areas,
    ]
