"""Compare an exported model with its network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import ModelFileError
from capsule_inspect.evaluation.judge import Judgement, judge_findings
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.runtime import LOGITS, MASK_LOGITS, Outputs
from capsule_inspect.settings.groups import ExportSettings


@dataclass(frozen=True)
class OutputGap:
    """The difference between two models in one output.

    Attributes:
        name: `logits` or `mask_logits`.
        mean: Mean absolute difference.
        largest: Largest absolute difference.
    """

    name: str
    mean: float
    largest: float


@dataclass(frozen=True)
class Parity:
    """The agreement of an exported model with its network.

    Attributes:
        pictures: Number of pictures compared.
        agreement: Share of pictures with the same label.
        gaps: Differences of the raw outputs.
        dice_before: Mean Dice of the network on defective pictures; None without true masks.
        dice_after: The same for the exported model.
        before: Judgements by the network.
        after: Judgements by the exported model.
    """

    pictures: int
    agreement: float
    gaps: tuple[OutputGap, ...]
    dice_before: float | None
    dice_after: float | None
    before: tuple[Judgement, ...]
    after: tuple[Judgement, ...]

    @property
    def dice_drop(self) -> float:
        """The fall of Dice; 0 without true masks."""
        if self.dice_before is None or self.dice_after is None:
            return 0.0
        return self.dice_before - self.dice_after


class DisagreementError(ModelFileError):
    """An exported model disagrees with its network beyond the limits.

    Attributes:
        parity: The comparison.
        runtime: The runtime that executed the exported model.
        limits: What it was held to.
    """

    def __init__(self, sentence: str, parity: Parity, runtime: str, limits: ExportSettings) -> None:
        """Keeps the comparison beside the sentence that says what it means."""
        super().__init__(sentence)
        self.parity, self.runtime, self.limits = parity, runtime, limits


def compare(
    data: DataSet,
    samples: Iterable[Sample],
    original: Inspector,
    exported: Inspector,
    advance: Callable[[], None] = lambda: None,
) -> Parity:
    """Runs two models on the same windows of the same pictures.

    Args:
        data: The data set.
        samples: The pictures to compare on, at least one with a capsule.
        original: The network.
        exported: The exported model, at the same operating point.
        advance: Called after each picture.

    Raises:
        PictureError: A picture or mask cannot be read.
    """
    before: list[Judgement] = []
    after: list[Judgement] = []
    gaps = {LOGITS: _Gap(), MASK_LOGITS: _Gap()}
    for sample in samples:
        picture, truth = data.read(sample)
        ours, theirs = original.inspect(picture), exported.inspect(picture)
        before.append(judge_findings(sample, ours, truth))
        after.append(judge_findings(sample, theirs, truth))
        for one, other in zip(ours, theirs, strict=True):
            _measure_gaps(gaps, one.outputs, other.outputs)
        advance()
    return Parity(
        pictures=len(before),
        agreement=float(np.mean([a.label == b.label for a, b in zip(before, after, strict=True)])),
        gaps=tuple(gap.summary(name) for name, gap in gaps.items() if gap.count),
        dice_before=_mean_dice(before),
        dice_after=_mean_dice(after),
        before=tuple(before),
        after=tuple(after),
    )


class _Gap:
    """A running mean and maximum of absolute differences."""

    def __init__(self) -> None:
        self.count, self._total, self._largest = 0, 0.0, 0.0

    def add(self, one: np.ndarray, other: np.ndarray) -> None:
        difference = np.abs(one - other)
        self.count += difference.size
        self._total += float(difference.sum(dtype=np.float64))
        self._largest = max(self._largest, float(difference.max()))

    def summary(self, name: str) -> OutputGap:
        return OutputGap(name, self._total / self.count, self._largest)


def _measure_gaps(gaps: dict[str, _Gap], one: Outputs, other: Outputs) -> None:
    gaps[LOGITS].add(one.logits, other.logits)
    if one.mask_logits is not None and other.mask_logits is not None:
        gaps[MASK_LOGITS].add(one.mask_logits, other.mask_logits)


def _mean_dice(judgements: list[Judgement]) -> float | None:
    dice = [overlap.dice for each in judgements if (overlap := each.defect_overlap)]
    return sum(dice) / len(dice) if dice else None
