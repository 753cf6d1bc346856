"""Judge a model on samples with known truth."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.evaluation.intervals import Floats
from capsule_inspect.evaluation.pixels import Overlap, PixelTally, measure_overlap, tally_findings
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.inference.decide import defect_map, softmax
from capsule_inspect.inference.inspector import Finding, Inspector

NO_CAPSULE = "no_capsule"
"""Stands for the label of a picture in which no capsule was found; never a class's name."""


@dataclass(frozen=True)
class Judgement:
    """One picture, its truth and what was decided.

    Attributes:
        path: As in the manifest.
        sha256: Of the decoded pixels.
        truth: Its class.
        label: The decided class, that of its worst capsule; `NO_CAPSULE` if none was found.
        defect_score: Of its worst capsule, in [0, 1]; 1 if none was found, since a person has to
            look.
        probabilities: Of its worst capsule, by class, `good` first; empty if none was found.
        overlap: Predicted mask against true mask; None where either does not exist.
        pixels: The continuous defect map against the true mask; None where either does not exist or
            it was not asked for.
    """

    path: str
    sha256: str
    truth: str
    label: str
    defect_score: float
    probabilities: tuple[float, ...]
    overlap: Overlap | None
    pixels: PixelTally | None = None

    @property
    def defect_overlap(self) -> Overlap | None:
        """What Dice and IoU are means of: the overlap on a picture with a true defect pixel."""
        return self.overlap if self.overlap and self.overlap.true else None


def judge(
    data: DataSet,
    samples: Iterable[Sample],
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
    *,
    with_pixels: bool = False,
) -> tuple[Judgement, ...]:
    """Inspects pictures through the code path of `predict`, at native resolution.

    Args:
        data: The data set the samples are of.
        samples: The pictures to inspect.
        inspector: A network and its operating point.
        advance: Called after each picture.
        with_pixels: Tally the pixels of the defect maps, too.

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
    """Sums up what was found in one picture and holds it against the truth.

    Args:
        sample: The picture.
        findings: Its capsules; none is an answer, too.
        truth: bool [H, W], which pixels are defect; None where that is not known.
    """
    if not findings:
        overlap = None if truth is None else measure_overlap(np.zeros_like(truth), truth)
        return Judgement(sample.path, sample.sha256, sample.label, NO_CAPSULE, 1.0, (), overlap)
    worst = max((finding.decision for finding in findings), key=lambda each: each.defect_score)
    masks = [f.decision.mask for f in findings if f.decision.mask is not None]
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
    )


MASK_THRESHOLDS = np.arange(0.05, 0.81, 0.05)
"""The mask thresholds that are tried."""


@dataclass(frozen=True)
class Evidence:
    """What a network says of one picture.

    Attributes:
        truth: Index of its class.
        log_probabilities: float64 [classes], at temperature 1, of its worst capsule.
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
        inspector: The network; its operating point is not used.
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


def classes_of(columns: Sequence[str]) -> tuple[str, ...]:
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
