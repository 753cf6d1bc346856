"""The settings of a data set."""

from dataclasses import dataclass

from capsule_inspect.allowed import require_range


@dataclass(frozen=True)
class DataSettings:
    """What `prepare` makes of pictures, and where the other commands find it.

    Attributes:
        dir: The data set folder that `train`, `tune`, `evaluate` and `export-tflite` read.
        root: Where its pictures are now; empty where dataset.json says so rightly.
        seed: Decides the split, and the look of drawn capsules; at least 0.
        val: Share of the pictures of each class that tunes decisions; in [0, 1).
        test: Share of the pictures of each class that only `evaluate` sees; in [0, 1), and both
            together below 1.
        folds: Number of cross-validation folds written beside the split, at least 2; 0 for none.
        count: How many capsules `prepare drawn` draws; at least 1.
        size: Side of drawn pictures, in pixels; at least 200.
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
        require_range("data.val", self.val, at_least=0, below=1)
        require_range("data.test", self.test, at_least=0, below=1)
        require_range("data.val + data.test", round(self.val + self.test, 9), below=1)
        if self.folds < 0 or self.folds == 1:
            raise ValueError(f"data.folds is {self.folds}, but must be 0 (no folds) or at least 2.")
        require_range("data.seed", self.seed, at_least=0)
        require_range("data.count", self.count, at_least=1)
        require_range("data.size", self.size, at_least=200)
