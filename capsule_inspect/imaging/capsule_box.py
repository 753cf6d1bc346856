"""Where a capsule lies."""

from dataclasses import dataclass

from capsule_inspect.imaging.picture import Picture


@dataclass(frozen=True)
class CapsuleBox:
    """Where a capsule lies, in native pixels of its picture.

    Coordinates are continuous: a pixel covers [i, i + 1), so a picture of W pixels spans [0, W].

    Attributes:
        x: Centre of the box, rightwards.
        y: Centre of the box, downwards.
        length: Side along the capsule's long axis, in pixels.
        width: Side across it, in pixels.
        angle: Direction from the dark end to the light end, in degrees clockwise from rightwards,
            in (-180, 180].
        area: Area of the capsule in square pixels.
        is_cut: The capsule reaches the picture's border, so that a part of it may be missing.
    """

    x: float
    y: float
    length: float
    width: float
    angle: float
    area: float
    is_cut: bool = False

    @classmethod
    def of_whole(cls, picture: Picture) -> "CapsuleBox":
        """Returns the box of a whole picture [H, W, 3]: its length runs rightwards, at angle 0."""
        height, width = (float(side) for side in picture.shape[:2])
        return cls(width / 2, height / 2, width, height, 0.0, width * height)
