"""What a capsule's picture is like, whatever the capsule is."""

from dataclasses import dataclass

from capsule_inspect.imaging.look import Look


@dataclass(frozen=True)
class Observation:
    """What one capsule's picture is like.

    Attributes:
        look: Colour, size and sharpness.
        ood_score: How unlike the training pictures it is; None where that is not known.
    """

    look: Look
    ood_score: float | None = None
