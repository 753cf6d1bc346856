"""The settings of a conversion to TFLite."""

from dataclasses import dataclass

from capsule_inspect.allowed import require_choice, require_range
from capsule_inspect.modelfile.quantizations import QUANTIZATIONS


@dataclass(frozen=True)
class ExportSettings:
    """A conversion to TFLite.

    Attributes:
        format: One of `QUANTIZATIONS`.
        calibration: Number of training pictures the int8 ranges are measured on; at least 1.
        min_agreement: Least share of pictures on which both models must give the same label; in
            [0, 1].
        max_dice_drop: Most that Dice may fall; in [0, 1].
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
        """Raises ValueError if the format is unknown or a limit impossible."""
        require_choice("export.format", self.format, QUANTIZATIONS)
        require_range("export.calibration", self.calibration, at_least=1)
        require_range("export.min_agreement", self.min_agreement, at_least=0, at_most=1)
        require_range("export.max_dice_drop", self.max_dice_drop, at_least=0, at_most=1)
