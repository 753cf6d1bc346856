"""Writing an evaluation down."""

import csv
import dataclasses
import json
from pathlib import Path

from capsule_inspect import __version__
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.judge import Judgement

METRICS_FILE = "metrics.json"
PICTURES_FILE = "pictures.csv"


def write_report(folder: Path, evaluation: Evaluation, model: Path, model_sha256: str) -> None:
    """Writes metrics.json and pictures.csv.

    Args:
        folder: An existing folder.
        evaluation: What to write.
        model: The evaluated model, for people.
        model_sha256: SHA-256 of its file.
    """
    document = {
        "model": str(model),
        "model_sha256": model_sha256,
        "split": evaluation.split,
        "n": len(evaluation.judgements),
        "metrics": [dataclasses.asdict(metric) for metric in evaluation.metrics],
        "per_class": [dataclasses.asdict(each) for each in evaluation.per_class],
        "confusion": dataclasses.asdict(evaluation.confusion),
        "tool_version": __version__,
    }
    text = json.dumps(document, indent=2, sort_keys=True)
    (folder / METRICS_FILE).write_text(text + "\n", encoding="utf-8")
    columns = [
        "path",
        "sha256",
        "truth",
        "label",
        "defect_score",
        *(f"p_{name}" for name in evaluation.classes),
        "dice",
        "iou",
        "true_area_px",
        "predicted_area_px",
        "model_sha256",
    ]
    with (folder / PICTURES_FILE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for judgement in evaluation.judgements:
            writer.writerow([*_cells(judgement, len(evaluation.classes)), model_sha256])


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
