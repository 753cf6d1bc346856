"""A picture → findings: the way that training, evaluation and prediction share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.look import Look, measure_look
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision, decide
from capsule_inspect.inference.doubts import find_doubts
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.modelfile.outputs import Outputs
from capsule_inspect.modelfile.training_statistics import TrainingStatistics

RunNetwork = Callable[[NDArray[np.uint8]], Outputs]
"""Maps a uint8 RGB window [roi.height, roi.width, 3] to the network's outputs."""


@dataclass(frozen=True)
class Finding:
    """One capsule of a picture, and what was decided about it.

    Attributes:
        crop: Where it lies.
        decision: What was decided.
        outputs: What the network said, which the decision was made from.
        look: What its window looks like.
        ood_score: How unlike the training pictures it is; None where that is not known.
        doubts: Sentences that say why not to trust the decision.
    """

    crop: Crop
    decision: Decision
    outputs: Outputs
    look: Look
    ood_score: float | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspector:
    """Finds and judges the capsules of pictures.

    Attributes:
        run: The network, whichever runtime executes it.
        classes: Class names, `good` first.
        roi: The window the network sees.
        point: Temperature and thresholds.
        model: SHA-256 of the model's flatbuffer; empty for a network that comes from no file.
        seen: What the training pictures were like; None where that is not known.
    """

    run: RunNetwork
    classes: tuple[str, ...]
    roi: Roi
    point: OperatingPoint
    model: str = ""
    seen: TrainingStatistics | None = None

    def inspect(self, picture: Picture) -> tuple[Finding, ...]:
        """Judges every capsule of a picture.

        Args:
            picture: uint8 RGB, [H, W, 3].

        Returns:
            One finding per capsule, in reading order; empty if no capsule was found.
        """
        return tuple(self._judge(crop, picture) for crop in find_crops(picture, self.roi))

    def _judge(self, crop: Crop, picture: Picture) -> Finding:
        window = crop.take(picture)
        outputs = self.run(window)
        shape = picture.shape[0], picture.shape[1]
        decision = decide(outputs, crop, shape, self.classes, self.point)
        look = measure_look(window, crop.box.length)
        ood_score = None
        if self.seen is not None and outputs.features is not None:
            ood_score = self.seen.ood_score(outputs.features)
        doubts = tuple(find_doubts(crop, look, ood_score, self.seen))
        return Finding(crop, decision, outputs, look, ood_score, doubts)
