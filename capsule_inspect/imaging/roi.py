"""The part of a picture that a network sees."""

from dataclasses import dataclass
from typing import Literal

RoiMode = Literal["capsule", "whole"]


@dataclass(frozen=True)
class Roi:
    """Geometry of the network's window.

    Attributes:
        mode: `capsule` finds each capsule and brings it upright; `whole` takes the whole picture.
        width: Width of the window in pixels.
        height: Height of the window in pixels.
        capsule_length: Length of the capsule's long axis inside the window, in pixels. The default
            shows MVTec's capsules (about 856 px long) at half scale.
    """

    mode: RoiMode = "capsule"
    width: int = 480
    height: int = 192
    capsule_length: int = 428
