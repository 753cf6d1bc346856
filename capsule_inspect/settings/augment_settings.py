"""The settings of how training crops are varied."""

from dataclasses import dataclass

from capsule_inspect.allowed import require_range


@dataclass(frozen=True)
class AugmentSettings:
    """How far training crops are varied; every range is symmetric about no change.

    Attributes:
        rotate: Degrees; at least 0.
        scale: Share of the size; in [0, 1].
        shift_x: Window pixels along the capsule; at least 0.
        shift_y: Window pixels across it; at least 0.
        flip: Probability of a mirror image across the long axis.
        gamma: Factor; 1.25 means from 0.8 to 1.25; at least 1.
        contrast: Share of the contrast; in [0, 1].
        brightness: Share of full white; at least 0.
        cast: Share by which each colour channel is scaled; in [0, 1].
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
        for name in ("rotate", "shift_x", "shift_y", "brightness"):
            require_range(f"train.augment.{name}", getattr(self, name), at_least=0)
        for name in ("scale", "flip", "contrast", "cast", "blur", "noise"):
            require_range(f"train.augment.{name}", getattr(self, name), at_least=0, at_most=1)
        require_range("train.augment.gamma", self.gamma, at_least=1)
