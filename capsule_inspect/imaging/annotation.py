"""What an overlay says of one capsule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.capsule_box import CapsuleBox


@dataclass(frozen=True)
class Annotation:
    """What to draw for one capsule.

    Attributes:
        box: The capsule, in native pixels.
        label: Its class.
        confidence: Probability of the label, in [0, 1]; None for one that is known.
        is_defect: Decides the colour.
        mask: bool [H, W], the defect's pixels; None where nothing is known about them.
    """

    box: CapsuleBox
    label: str
    confidence: float | None
    is_defect: bool
    mask: NDArray[np.bool_] | None
