"""What to make of a picture."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from capsule_inspect.imaging.encode import PictureFormat
from capsule_inspect.imaging.pixel_limit import MAX_PIXELS

Overlays: TypeAlias = Literal["all", "defects", "none"]
"""Which pictures get an overlay; `defects` are those with a defective capsule, or with none."""


@dataclass(frozen=True)
class InspectOptions:
    """Which pictures to read, and what to make of them beside their rows.

    Attributes:
        overlays: Which pictures get their findings drawn in.
        overlay_format: What they are written as.
        masks: A mask for each, 0 for background and the class index for a defect.
        max_pixels: Larger pictures are refused before they are decoded.
    """

    overlays: Overlays = "all"
    overlay_format: PictureFormat = "png"
    masks: bool = False
    max_pixels: int = MAX_PIXELS
