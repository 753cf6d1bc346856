"""An annotation of a finding, and its colours."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.find_capsules import CapsuleBox


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


Colour: TypeAlias = tuple[int, int, int]
"""RGB, each from 0 to 255."""

DEFECT_COLOUR: Colour = (204, 62, 8)
GOOD_COLOUR: Colour = (0, 130, 92)
NOTE_COLOUR: Colour = (80, 80, 80)
WHITE: Colour = (255, 255, 255)
