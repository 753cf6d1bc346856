"""The part of a picture that a network sees."""

from dataclasses import dataclass

ROI_MODES = ("capsule", "whole")


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

    mode: str = "capsule"
    width: int = 480
    height: int = 192
    capsule_length: int = 428

    def __post_init__(self) -> None:
        """Raises ValueError if the geometry is impossible."""
        if self.mode not in ROI_MODES:
            raise ValueError(
                f"roi.mode is '{self.mode}', but must be one of {', '.join(ROI_MODES)}."
            )
        if min(self.width, self.height, self.capsule_length) < 1:
            raise ValueError(
                "roi.width, roi.height and roi.capsule_length must be at least 1 pixel."
            )
