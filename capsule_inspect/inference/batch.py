"""Inspect many files in parallel, keep their order, and sum up what came of them."""

from array import array
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from capsule_inspect import __version__
from capsule_inspect.choices import OnExisting
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference.decide import Observation
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_file import InspectedFile, InspectOptions, inspect_file
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.records import (
    Record,
    RecordWriter,
    RecoveredRecords,
    recover_records,
)
from capsule_inspect.inference.results_folder import ResultsFolder, RunSettings, open_results
from capsule_inspect.modelfile.metadata import RANGE_NAMES, TrainingStatistics
from capsule_inspect.text import printable


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


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_WAITING = 2
"""Items begun ahead of the one that is waited for, per job: enough that none stands idle."""


def map_in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], jobs: int
) -> Generator[_Result, None, None]:
    """Applies a function to items in threads.

    OpenCV and the runtimes let other threads go on while they compute. However many items there
    are, few results are held. When the caller stops early, or an item fails, no further item is
    begun, and those begun are finished first.

    Args:
        work: Called for each item, from several threads at once.
        items: Taken one by one, as there is room.
        jobs: How many to work on at a time, at least 1; 1 works in the caller's own thread.

    Yields:
        The results in the order of the items; the first exception is raised in its place.
    """
    if jobs == 1:
        yield from map(work, items)
        return
    left = iter(items)
    pool = ThreadPoolExecutor(jobs, "inspect")
    begun: deque[Future[_Result]] = deque()
    try:
        begun.extend(pool.submit(work, item) for item in islice(left, jobs * _WAITING))
        while begun:
            yield begun.popleft().result()
            begun.extend(pool.submit(work, item) for item in islice(left, 1))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_MIN_CAPSULES = 5
"""Capsules in a batch of which a median says something."""


class Drift:
    """Gathers looks and scores of a batch.

    Args:
        statistics: What the training pictures were like; None where that is not known.
    """

    def __init__(self, statistics: TrainingStatistics | None) -> None:
        self._ranges = statistics.ranges if statistics else ()
        self._values = {name: array("d") for name in RANGE_NAMES}

    def add(self, observation: Observation) -> None:
        """Takes one capsule."""
        values = {**asdict(observation.appearance), "ood_score": observation.ood_score}
        for name, value in values.items():
            if value is not None:
                self._values[name].append(value)

    def describe(self) -> str:
        """Returns which medians lie outside their range, as one line; empty if none does."""
        parts = []
        for each in self._ranges:
            values = self._values[each.name]
            if len(values) < _MIN_CAPSULES:
                continue
            median = float(np.median(values))
            if not each.low <= median <= each.high:
                name = each.name.replace("_", " ")
                parts.append(f"{name} {median:.1f} ({each.low:.1f} to {each.high:.1f})")
        if not parts:
            return ""
        listed = ", ".join(parts)
        return f"Drift: medians outside the training's range: {listed}; labels are less sure."


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


OnPicture = Callable[[Sequence[Record]], None]
"""Called with the rows of one picture."""


def inspect_batch(
    inspector: Inspector,
    pictures: Sequence[InputPicture],
    out: Path,
    options: InspectOptions,
    *,
    jobs: int = 1,
    on_existing: OnExisting = "refuse",
    on_picture: OnPicture = lambda _: None,
) -> BatchSummary:
    """Inspects pictures and writes `predictions.csv`, overlays and masks.

    A file that cannot be read becomes a row and the batch goes on. Rows are on disk, in the order
    of the pictures, as soon as theirs is done; overlays and masks appear under their names only
    when complete, and before their rows.

    Args:
        inspector: Judges one picture; for several jobs, from several threads.
        pictures: From `expand_inputs`.
        out: The results folder; made if need be.
        options: What to make beside the rows.
        jobs: How many pictures to work on at a time; at least 1.
        on_existing: What to do with a folder that holds something already.
        on_picture: Called with the rows of each picture as soon as they are written, and with those
            of an earlier run that is resumed.

    Returns:
        What came of all pictures, those of an earlier run that is resumed included.

    Raises:
        UsageError: The results folder cannot be used as asked, or cannot be written.
        InterruptedRunError: The user stopped the batch.
    """
    folder = ResultsFolder(out)
    tally = Tally(inspector.training_statistics)
    try:
        with open_results(folder, _settings(inspector, options), on_existing):
            before = _recover(folder, inspector.classes, pictures)
            for records in before.pictures:
                tally.add(InspectedFile(records))
                on_picture(records)
            results = map_in_order(
                lambda picture: inspect_file(inspector, picture, options, folder.write),
                pictures[len(before.pictures) :],
                jobs,
            )
            with (
                closing(results),
                RecordWriter(folder.records, inspector.classes, before.size) as writer,
            ):
                for inspected in results:
                    writer.write(inspected.records)
                    tally.add(inspected)
                    on_picture(inspected.records)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped after {tally.files} of {len(pictures)} files. Their rows are in "
            f"'{folder.records.resolve()}'; go on with the same command and --resume -o '{out}'."
        ) from None
    return tally.summary()


def _settings(inspector: Inspector, options: InspectOptions) -> RunSettings:
    point = inspector.point
    return RunSettings(
        version=__version__,
        model=inspector.model_sha256,
        classes=inspector.classes,
        temperature=point.temperature,
        threshold=point.threshold,
        mask_threshold=point.mask_threshold,
        **asdict(options),
    )


def _recover(
    folder: ResultsFolder, classes: Sequence[str], pictures: Sequence[InputPicture]
) -> RecoveredRecords:
    """Returns the rows of an earlier run whose pictures need not be inspected again.

    Those from the first on whose overlay or mask is not there, or was lost to a power cut, are left
    out.

    Raises:
        UsageError: They are of other pictures.
    """
    if not folder.records.exists():
        return RecoveredRecords()
    before = recover_records(folder.records, classes)
    paths = [printable(str(picture.path)) for picture in pictures]
    for records, path in zip(before.pictures, chain(paths, [""]), strict=False):
        if records[0].path != path:
            raise UsageError(
                f"The run in '{folder.path}' has a row for '{records[0].path}', which is not in "
                "its place among the inputs now. Name the same inputs, or start it again with "
                "--overwrite."
            )
    for count, records in enumerate(before.pictures):
        names = {records[0].overlay, records[0].mask} - {""}
        if not all(folder.holds(name) for name in names):
            return before.first(count)
    return before
