"""Judgements as rows of a CSV file, and back."""

from collections.abc import Mapping, Sequence

from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.overlap import Overlap

_PROBABILITY = "p_"


def judgement_columns(classes: Sequence[str]) -> list[str]:
    """Returns the names of the columns, one probability for each class."""
    probabilities = [f"{_PROBABILITY}{name}" for name in classes]
    areas = ["dice", "iou", "true_area_px", "predicted_area_px", "common_area_px"]
    return ["path", "sha256", "truth", "label", "defect_score", *probabilities, *areas]


def judgement_cells(judgement: Judgement, class_count: int) -> list[object]:
    """Returns the cells of a row; those of what does not exist are empty."""
    probabilities = judgement.probabilities or ("",) * class_count
    overlap = judgement.overlap
    areas: list[object] = [""] * 5
    if overlap is not None:
        areas = [overlap.dice, overlap.iou, overlap.true, overlap.predicted, overlap.intersection]
    return [
        judgement.path,
        judgement.sha256,
        judgement.truth,
        judgement.label,
        judgement.defect_score,
        *probabilities,
        *areas,
    ]


def read_classes(columns: Sequence[str]) -> tuple[str, ...]:
    """Returns the classes that the columns name."""
    return tuple(c.removeprefix(_PROBABILITY) for c in columns if c.startswith(_PROBABILITY))


def read_judgement(row: Mapping[str, str], classes: Sequence[str]) -> Judgement:
    """Reads a row; Dice and IoU follow from the areas.

    Raises:
        KeyError: A column is missing.
        ValueError: A cell is not a number.
    """
    probabilities = [row[f"{_PROBABILITY}{name}"] for name in classes]
    overlap = None
    if row["true_area_px"]:
        overlap = Overlap(
            intersection=int(row["common_area_px"]),
            predicted=int(row["predicted_area_px"]),
            true=int(row["true_area_px"]),
        )
    return Judgement(
        path=row["path"],
        sha256=row["sha256"],
        truth=row["truth"],
        label=row["label"],
        defect_score=float(row["defect_score"]),
        probabilities=tuple(float(p) for p in probabilities) if probabilities[0] else (),
        overlap=overlap,
    )
