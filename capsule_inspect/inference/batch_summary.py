"""What came of a batch, in numbers."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class BatchSummary:
    """What came of a batch.

    Attributes:
        files: Number of files.
        labels: Capsules by label.
        no_capsule: Pictures without a capsule.
        errors: Files that could not be read.
        warnings: Rows with a warning.
        drift: How the pictures inspected this time, as a whole, differ from those of the training;
            empty if they do not.
    """

    files: int
    labels: Counter[str]
    no_capsule: int
    errors: int
    warnings: int
    drift: str

    @property
    def capsules(self) -> int:
        """Number of capsules."""
        return self.labels.total()
