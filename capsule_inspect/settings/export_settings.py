"""The settings of a conversion to TFLite."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportSettings:
    """A conversion to TFLite.

    Attributes:
        format: `int8`, `float32`, `float16` or `dynamic`.
        calibration: Number of training pictures the int8 ranges are measured on.
        min_agreement: Least share of pictures on which both models must give the same label.
        max_dice_drop: Most that Dice may fall.
        cross_validation: Folder that `evaluate` wrote of a study of the same recipe and pictures,
            for a network trained on all of them: its operating point and metrics go into the file.
            Empty to choose on the validation split and measure on the test split.
    """

    format: str = "int8"
    calibration: int = 120
    min_agreement: float = 0.98
    max_dice_drop: float = 0.02
    cross_validation: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError if there is nothing to calibrate on."""
        if self.calibration < 1:
            raise ValueError("export.calibration must be at least 1.")
