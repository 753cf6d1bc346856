"""Judge a model on samples whose labels and masks are known."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.evaluation.intervals import Floats
from capsule_inspect.evaluation.pixels import Overlap, PixelTally, measure_overlap, tally_findings
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.inference.decide import defect_map, softmax
from capsule_inspect.inference.inspector import Finding, Inspector


@dataclass(frozen=True)
class Judgement:
    """The decision on one picture, beside the truth.

    The worst capsule of a picture, the one with the highest defect score, decides.

    Attributes:
        path: Path in the manifest.
        sha256: Hash of the decoded pixels.
        truth: The true class.
        label: The decided class; `NO_CAPSULE` if no capsule was found.
        defect_score: In [0, 1]; 1 if no capsule was found, because a person has to look.
        probabilities: Probability of each class, `good` first; empty if no capsule was found.
        overlap: Predicted mask against true mask; None without either.
        pixels: Defect probabilities against the true mask; None without either, or if they were not
            tallied.
        is_doubtful: Whether a warning questions a capsule. Stored judgements do not hold it.
    """

    path: str
    sha256: str
    truth: str
    label: str
    defect_score: float
    probabilities: tuple[float, ...]
    overlap: Overlap | None
    pixels: PixelTally | None = None
    is_doubtful: bool = False

    @property
    def defect_overlap(self) -> Overlap | None:
        """The overlap if the picture has a true defect pixel, else None; for Dice and IoU."""
        return self.overlap if self.overlap and self.overlap.true else None


def judge(
    data: DataSet,
    samples: Iterable[Sample],
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
    *,
    with_pixels: bool = False,
) -> tuple[Judgement, ...]:
    """Inspects pictures as `predict` does, at native resolution, and compares with the truth.

    Args:
        data: The data set the samples are of.
        samples: The pictures to inspect.
        inspector: A network and its operating point.
        advance: Called after each picture.
        with_pixels: Also tally the pixels of the defect maps.

    Raises:
        PictureError: A picture or mask cannot be read.
        DataError: A mask is not of its picture's size.
    """

    def judgements() -> Iterator[Judgement]:
        for sample in samples:
            picture, truth = data.read(sample)
            findings = inspector.inspect(picture)
            judgement = judge_findings(sample, findings, truth)
            if with_pixels and truth is not None:
                judgement = replace(judgement, pixels=tally_findings(findings, truth))
            yield judgement
            advance()

    return tuple(judgements())


def judge_findings(
    sample: Sample, findings: Sequence[Finding], truth: NDArray[np.bool_] | None
) -> Judgement:
    """Compares the findings in one picture with the truth.

    Args:
        sample: The picture.
        findings: The capsules found in it; may be empty.
        truth: bool [H, W], which pixels are defect; None if that is not known.
    """
    if not findings:
        overlap = None if truth is None else measure_overlap(np.zeros_like(truth), truth)
        return Judgement(sample.path, sample.sha256, sample.label, NO_CAPSULE, 1.0, (), overlap)
    worst = max((finding.decision for finding in findings), key=lambda each: each.defect_score)
    masks = [mask for finding in findings if (mask := finding.mask) is not None]
    return Judgement(
        path=sample.path,
        sha256=sample.sha256,
        truth=sample.label,
        label=worst.label,
        defect_score=worst.defect_score,
        probabilities=tuple(float(p) for p in worst.probabilities),
        overlap=None
        if truth is None or not masks
        else measure_overlap(np.logical_or.reduce(masks), truth),
        is_doubtful=any(finding.warnings for finding in findings),
    )


MASK_THRESHOLDS = np.arange(0.05, 0.81, 0.05)
"""The mask thresholds to choose from."""


@dataclass(frozen=True)
class Evidence:
    """The outputs of a network for one picture, to choose an operating point from.

    Attributes:
        truth: Index of the true class.
        log_probabilities: float64 [classes], at temperature 1, of the worst capsule.
        dice: float64, Dice at each of `MASK_THRESHOLDS`; None for a picture without a true defect
            pixel, or a network without a mask head.
    """

    truth: int
    log_probabilities: Floats
    dice: Floats | None


def gather_evidence(
    data: DataSet,
    samples: Iterable[Sample],
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Evidence, ...]:
    """Runs a network on pictures that it was not trained on.

    Args:
        data: The data set the samples are of.
        samples: The pictures; those without a capsule give no evidence.
        inspector: The network; its operating point does not matter.
        advance: Called after each picture.

    Raises:
        PictureError: A picture or mask cannot be read.
        DataError: A mask is not of its picture's size.
    """
    gathered = []
    for sample in samples:
        evidence = _look_at(data, sample, inspector)
        if evidence is not None:
            gathered.append(evidence)
        advance()
    return tuple(gathered)


def _look_at(data: DataSet, sample: Sample, inspector: Inspector) -> Evidence | None:
    picture, truth = data.read(sample)
    logs, maps = [], []
    for crop in find_crops(picture, inspector.roi):
        outputs = inspector.run(crop.take(picture))
        logs.append(_log_softmax(outputs.logits.astype(np.float64)))
        if outputs.mask_logits is not None and truth is not None and truth.any():
            maps.append(defect_map(outputs.mask_logits, crop, truth.shape))
    if not logs:
        return None
    dice = None
    if maps and truth is not None:
        probability = np.maximum.reduce(maps)
        dice = np.array(
            [measure_overlap(probability >= t, truth).dice for t in MASK_THRESHOLDS], np.float64
        )
    worst = min(logs, key=lambda each: each[0])
    return Evidence(data.classes.index(sample.label), worst, dice)


def _log_softmax(logits: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(softmax(logits), np.finfo(np.float64).tiny)), np.float64)


_PROBABILITY = "p_"


def judgement_columns(classes: Sequence[str]) -> list[str]:
    """Returns the names of the columns; each class has one for its probability."""
    probabilities = [f"{_PROBABILITY}{name}" for name in classes]
    areas = ["dice", "iou", "true_area_px", "predicted_area_px", "common_area_px"]
    return ["path", "sha256", "truth", "label", "defect_score", *probabilities, *areas]


def judgement_cells(judgement: Judgement, class_count: int) -> list[object]:
    """Returns the cells of a row; values that do not exist are empty."""
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


def classes_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Returns the classes that have a column."""
    return tuple(c.removeprefix(_PROBABILITY) for c in columns if c.startswith(_PROBABILITY))


def read_judgement(row: Mapping[str, str], classes: Sequence[str]) -> Judgement:
    """Reads a row; Dice and IoU are computed from the areas.

    Raises:
        KeyError: A column is missing.
        ValueError: A cell holds what cannot be there.
    """
    for column, known in (("truth", classes), ("label", (*classes, NO_CAPSULE))):
        if row[column] not in known:
            raise ValueError(f"the {column} '{row[column]}' is no class")
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
        defect_score=read_share(row["defect_score"]),
        probabilities=tuple(map(read_share, probabilities)) if probabilities[0] else (),
        overlap=overlap,
    )


def read_share(cell: str) -> float:
    """Reads a number in [0, 1].

    Raises:
        ValueError: The cell holds another number, or none.
    """
    value = float(cell)
    if not 0 <= value <= 1:
        raise ValueError(f"{cell} is not between 0 and 1")
    return value
