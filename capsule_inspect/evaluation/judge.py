"""Inspecting pictures whose truth is known."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.true_mask import true_mask
from capsule_inspect.evaluation.overlap import Overlap, measure_overlap
from capsule_inspect.evaluation.pixel_tally import PixelTally, tally_findings
from capsule_inspect.imaging.read_picture import read_picture
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
            picture = read_picture(data.root / sample.path)
            findings = inspector.inspect(picture)
            truth = true_mask(data, sample, picture.shape[:2])
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
