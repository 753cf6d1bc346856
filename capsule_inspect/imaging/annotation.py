"""Annotations: the findings that an overlay draws, and their colours."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.find_capsules import CapsuleBox


class Drawable(Protocol):
    """One capsule that can be drawn: a finding, or an `Annotation`."""

    @property
    def box(self) -> CapsuleBox:
        """The capsule, in native pixels."""

    @property
    def label(self) -> str:
        """Its class."""

    @property
    def confidence(self) -> float | None:
        """Probability of the label, in [0, 1]; None for a label that is known."""

    @property
    def is_defect(self) -> bool:
        """Whether the label is a defect class, which decides the colour."""

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """The defect's pixels, bool [H, W]; None where nothing is known about them."""

    @property
    def hint(self) -> NDArray[np.float32] | None:
        """What speaks for a defect, float32 [H, W], from 0 to 1; None where there is no hint."""


@dataclass(frozen=True)
class Annotation:
    """A capsule to draw that is no finding, such as its true label.

    The attributes are those of `Drawable`.
    """

    box: CapsuleBox
    label: str
    confidence: float | None
    is_defect: bool
    mask: NDArray[np.bool_] | None
    hint: NDArray[np.float32] | None = None


Colour: TypeAlias = tuple[int, int, int]
"""RGB, each from 0 to 255."""

DEFECT_COLOUR: Colour = (204, 62, 8)
GOOD_COLOUR: Colour = (0, 130, 92)
NOTE_COLOUR: Colour = (80, 80, 80)
WHITE: Colour = (255, 255, 255)
