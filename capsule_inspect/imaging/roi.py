"""The region of interest: the geometry of the network's window.

Keep this module light, because settings hold the window.
"""

from capsule_inspect.checks import checked, setting
from capsule_inspect.choices import ROI_MODES


@checked("model.roi")
class Roi:
    """Geometry of the network's window."""

    mode: str = setting(
        "`capsule` finds each capsule and brings it upright; `whole` takes the whole picture, "
        "with its border repeated where it does not fill the window; `stretched` stretches the "
        "whole picture to the window.",
        choices=ROI_MODES,
    )
    width: int = setting("Width of the window, in pixels.", at_least=1)
    height: int = setting("Height of the window, in pixels.", at_least=1)
    capsule_length: int = setting(
        "Length of the capsule's long axis inside the window, in pixels.", at_least=1
    )

    @property
    def subject(self) -> str:
        """What the network judges, for people: `capsule` or `picture`."""
        return "capsule" if self.mode == "capsule" else "picture"
