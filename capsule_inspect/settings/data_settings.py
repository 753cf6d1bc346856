"""The settings of a data set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSettings:
    """What `prepare` makes of pictures, and where the other commands find it.

    Attributes:
        dir: The data set folder that `train`, `tune`, `evaluate` and `export-tflite` read.
        root: Where its pictures are now; empty where dataset.json says so rightly.
        seed: Decides the split, and the look of drawn capsules.
        val: Share of the pictures of each class that tunes decisions; in [0, 1).
        test: Share of the pictures of each class that only `evaluate` sees; in [0, 1).
        folds: Number of cross-validation folds written beside the split; 0 for none.
        count: How many capsules `prepare drawn` draws.
        size: Side of drawn pictures, in pixels.
    """

    dir: str = "data/capsule"
    root: str = ""
    seed: int = 0
    val: float = 0.15
    test: float = 0.15
    folds: int = 0
    count: int = 24
    size: int = 1000

    def __post_init__(self) -> None:
        """Raises ValueError if a share or count is impossible."""
        if not (0 <= self.val < 1 and 0 <= self.test < 1 and self.val + self.test < 1):
            raise ValueError("data.val and data.test must be at least 0 and add up to less than 1.")
        if self.folds < 0 or self.folds == 1:
            raise ValueError("data.folds must be 0 (no folds) or at least 2.")
        if self.seed < 0:
            raise ValueError("data.seed must be at least 0.")
        if self.count < 1:
            raise ValueError("data.count must be at least 1.")
        if self.size < 200:
            raise ValueError("data.size must be at least 200 pixels.")
