"""What a defect does to the shell of a drawn capsule."""

from dataclasses import dataclass

from capsule_inspect.dataset.drawing.canvas import Plane
from capsule_inspect.dataset.drawing.colour import Rgb
from capsule_inspect.dataset.drawing.lettering import Texture


@dataclass(frozen=True)
class Paint:
    """A colour laid on the shell.

    Attributes:
        cover: float32 [h, w] on the canvas: how much of it, in [0, 1].
        rgb: The colour.
    """

    cover: Plane
    rgb: Rgb


@dataclass(frozen=True)
class Flaw:
    """What a defect does to a shell; planes are float32 [h, w] on the capsule's own canvas.

    Attributes:
        shift: How far the shell moved, (dx, dy), in nominal pixels.
        relief: Height added to the surface, in nominal pixels.
        paints: Colours laid on, the last on top.
        strength: The strength's ink, where it is not what was to be printed.
        extent: Above 0 where the defect is, however little it changed the colour there.
        join: Gaps up to this many nominal pixels inside the defect belong to it.
    """

    shift: tuple[Plane, Plane] | None = None
    relief: Plane | None = None
    paints: tuple[Paint, ...] = ()
    strength: Texture | None = None
    extent: Plane | None = None
    join: float = 12.0
