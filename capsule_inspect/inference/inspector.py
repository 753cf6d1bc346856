"""A picture → findings: the way that training, evaluation and prediction share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.read import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision, decide
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.modelfile.outputs import Outputs

RunNetwork = Callable[[NDArray[np.uint8]], Outputs]
"""Maps a uint8 RGB window [roi.height, roi.width, 3] to the network's outputs."""


@dataclass(frozen=True)
class Finding:
    """One capsule of a picture, and what was decided about it.

    Attributes:
        crop: Where it lies.
        decision: What was decided.
        outputs: What the network said, which the decision was made from.
    """

    crop: Crop
    decision: Decision
    outputs: Outputs


@dataclass(frozen=True)
class Inspector:
    """Finds and judges the capsules of pictures.

    Attributes:
        run: The network, whichever runtime executes it.
        classes: Class names, `good` first.
        roi: The window the network sees.
        point: Temperature and thresholds.
        model: SHA-256 of the model's flatbuffer; empty for a network that comes from no file.
    """

    run: RunNetwork
    classes: tuple[str, ...]
    roi: Roi
    point: OperatingPoint
    model: str = ""

    def inspect(self, picture: Picture) -> tuple[Finding, ...]:
        """Judges every capsule of a picture.

        Args:
            picture: uint8 RGB, [H, W, 3].

        Returns:
            One finding per capsule, in reading order; empty if no capsule was found.
        """
        return tuple(self._judge(crop, picture) for crop in find_crops(picture, self.roi))

    def _judge(self, crop: Crop, picture: Picture) -> Finding:
        outputs = self.run(crop.take(picture))
        shape = picture.shape[0], picture.shape[1]
        return Finding(crop, decide(outputs, crop, shape, self.classes, self.point), outputs)
