"""A picture → findings: the way that training, evaluation and prediction share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.look import measure_look
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision, decide
from capsule_inspect.inference.find_warnings import find_warnings
from capsule_inspect.inference.observation import Observation
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
        observation: What its window is like.
        warnings: Sentences that say why not to trust the decision.
    """

    crop: Crop
    decision: Decision
    outputs: Outputs
    observation: Observation
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspector:
    """Finds and judges the capsules of pictures.

    Attributes:
        run: The network, whichever runtime executes it.
        classes: Class names, `good` first.
        roi: The window the network sees.
        point: Temperature and thresholds.
        model_sha256: Of the model's flatbuffer; empty for a network that comes from no file.
        training_statistics: What the training pictures were like; None where that is not known.
    """

    run: RunNetwork
    classes: tuple[str, ...]
    roi: Roi
    point: OperatingPoint
    model_sha256: str = ""
    training_statistics: TrainingStatistics | None = None

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
        observation = self._observe(crop, window, outputs)
        warnings = tuple(find_warnings(crop, observation, self.training_statistics))
        return Finding(crop, decision, outputs, observation, warnings)

    def _observe(self, crop: Crop, window: NDArray[np.uint8], outputs: Outputs) -> Observation:
        ood_score = None
        if self.training_statistics is not None and outputs.features is not None:
            ood_score = self.training_statistics.ood_score(outputs.features)
        return Observation(measure_look(window, crop.box.length), ood_score)
