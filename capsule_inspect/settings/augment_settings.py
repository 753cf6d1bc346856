"""The settings of how training crops are varied."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AugmentSettings:
    """How far training crops are varied; every range is symmetric about no change.

    Attributes:
        rotate: Degrees.
        scale: Share of the size.
        shift_x: Window pixels along the capsule.
        shift_y: Window pixels across it.
        flip: Probability of a mirror image across the long axis.
        gamma: Factor; 1.25 means from 0.8 to 1.25.
        contrast: Share of the contrast.
        brightness: Share of full white.
        cast: Share by which each colour channel is scaled.
        blur: Probability of a slight blur.
        noise: Probability of sensor noise.
    """

    rotate: float = 4.0
    scale: float = 0.07
    shift_x: int = 16
    shift_y: int = 10
    flip: float = 0.5
    gamma: float = 1.25
    contrast: float = 0.15
    brightness: float = 0.08
    cast: float = 0.05
    blur: float = 0.2
    noise: float = 0.3

    def __post_init__(self) -> None:
        """Raises ValueError if a range is impossible."""
        spans = (self.rotate, self.shift_x, self.shift_y, self.brightness)
        shares = (self.flip, self.blur, self.noise, self.scale, self.contrast, self.cast)
        if min(spans) < 0 or min(shares) < 0 or max(shares) > 1 or self.gamma < 1:
            raise ValueError(
                "train.augment: ranges must be at least 0, shares and probabilities at most 1, "
                "and gamma at least 1."
            )
