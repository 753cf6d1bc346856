"""Counting what comes of a batch."""

from collections import Counter

from capsule_inspect.inference.batch_summary import BatchSummary
from capsule_inspect.inference.drift import Drift
from capsule_inspect.inference.inspect_file import InspectedFile
from capsule_inspect.modelfile.training_statistics import TrainingStatistics


class Tally:
    """Counts what comes of a batch, file by file.

    Args:
        statistics: What the training pictures were like; None where that is not known.

    Attributes:
        files: How many were added.
    """

    def __init__(self, statistics: TrainingStatistics | None) -> None:
        self.files = 0
        self._labels: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._warnings = 0
        self._drift = Drift(statistics)

    def add(self, inspected: InspectedFile) -> None:
        """Takes one file."""
        records = inspected.records
        self.files += 1
        self._labels.update(record.label for record in records if record.status == "ok")
        self._statuses.update({record.status for record in records})
        self._warnings += sum(bool(record.warning) for record in records)
        for observation in inspected.observations:
            self._drift.add(observation)

    def summary(self) -> BatchSummary:
        """Returns what came of all files so far."""
        return BatchSummary(
            files=self.files,
            labels=self._labels.copy(),
            no_capsule=self._statuses["no_capsule"],
            errors=self._statuses["error"],
            warnings=self._warnings,
            drift=self._drift.describe(),
        )
