"""The region of interest: the geometry of the network's window. Light, for settings hold it."""

from dataclasses import dataclass

from capsule_inspect.checks import require_choice, require_range
from capsule_inspect.choices import ROI_MODES


@dataclass(frozen=True)
class Roi:
    """Geometry of the network's window.

    Attributes:
        mode: `capsule` finds each capsule and brings it upright; `whole` takes the whole picture.
        width: Width of the window in pixels; at least 1.
        height: Height of the window in pixels; at least 1.
        capsule_length: Length of the capsule's long axis inside the window, in pixels; at least 1.
            The default shows MVTec's capsules (about 856 px long) at half scale.
    """

    mode: str = "capsule"
    width: int = 480
    height: int = 192
    capsule_length: int = 428

    def __post_init__(self) -> None:
        """Raises ValueError if the geometry is impossible."""
        require_choice("model.roi.mode", self.mode, ROI_MODES)
        for name in ("width", "height", "capsule_length"):
            require_range(f"model.roi.{name}", getattr(self, name), at_least=1)
