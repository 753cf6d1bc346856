"""Inspect many pictures in parallel, in order, and count the results."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice, takewhile
from typing import TypeVar

from capsule_inspect import __version__
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference.drift import DriftMeter, Shift, read_shifts
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_picture import (
    InspectedPicture,
    InspectOptions,
    inspect_input,
)
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.records import (
    Record,
    RecordWriter,
    RecoveredRecords,
    recover_records,
)
from capsule_inspect.inference.results_folder import (
    DRIFT,
    OpenResults,
    ResultsFolder,
    RunSettings,
)
from capsule_inspect.modelfile.metadata import TrainingStatistics


@dataclass(frozen=True)
class BatchSummary:
    """The results of a batch, counted.

    Attributes:
        files: Number of files.
        labels: Capsules by label.
        no_capsule: Pictures without a capsule.
        errors: Files that could not be read.
        warnings: Rows with a warning.
        drift: How the pictures, as a whole, differ from the training pictures; empty if they do
            not, None if that is not known. After a resume, of the pictures inspected this time.
        subject: What the model judges: `capsule` or `picture`.
    """

    files: int
    labels: Counter[str]
    no_capsule: int
    errors: int
    warnings: int
    drift: tuple[Shift, ...] | None
    subject: str = "capsule"

    @property
    def capsules(self) -> int:
        """Number of capsules; of pictures, for a model that judges whole pictures."""
        return self.labels.total()


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_WAITING = 2
"""Items to have in work per job; with two, no job waits for the caller."""


def map_in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], jobs: int
) -> Generator[_Result, None, None]:
    """Applies a function to items in threads, and yields the results in order.

    Threads suffice: OpenCV and the runtimes let others run while they compute. Few results are
    held, however many items there are. When the caller stops early, or an item fails, no other item
    begins, and those in work are finished.

    Args:
        work: Called for each item, from several threads at once.
        items: Taken one by one, as there is room.
        jobs: How many to work on at a time, at least 1; 1 works in the caller's own thread.

    Yields:
        The results in the order of the items; an exception is raised in the place of its result.
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


class Tally:
    """Counts the results of a batch, picture by picture.

    Args:
        statistics: Statistics of the training pictures; None if not known.
        subject: What the model judges: `capsule` or `picture`.

    Attributes:
        files: How many pictures were added.
    """

    def __init__(self, statistics: TrainingStatistics | None, subject: str = "capsule") -> None:
        self.files = 0
        self._subject = subject
        self._labels: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._warnings = 0
        self._drift = DriftMeter(statistics)

    def add(self, inspected: InspectedPicture) -> None:
        """Adds one picture."""
        records = inspected.records
        self.files += 1
        self._labels.update(record.label for record in records if record.status == "ok")
        self._statuses.update({record.status for record in records})
        self._warnings += sum(bool(record.warning) for record in records)
        self._drift.add(inspected.observations)

    def summary(self) -> BatchSummary:
        """Returns the counts so far."""
        return BatchSummary(
            files=self.files,
            labels=self._labels.copy(),
            no_capsule=self._statuses["no_capsule"],
            errors=self._statuses["error"],
            warnings=self._warnings,
            drift=self._drift.shifts(),
            subject=self._subject,
        )


OnPicture = Callable[[Sequence[Record]], None]
"""Called with the rows of one picture."""


def run_settings(inspector: Inspector, options: InspectOptions) -> RunSettings:
    """Returns the settings of a run, for `open_results`."""
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


def inspect_batch(
    inspector: Inspector,
    pictures: Sequence[InputPicture],
    results: OpenResults,
    options: InspectOptions,
    *,
    jobs: int = 1,
    on_picture: OnPicture = lambda _: None,
) -> BatchSummary:
    """Inspects pictures and writes their rows, overlays and masks.

    A picture that cannot be read becomes a row, and the batch continues. Rows are on disk, in the
    order of the pictures, as soon as their picture is done; its overlay and mask are there before.
    Pictures that an earlier run finished are not inspected again, but for those that it could not
    read: they may have been mended.

    Args:
        inspector: Judges one picture; for several jobs, from several threads.
        pictures: From `expand_inputs`, or inputs of other kinds, sorted by `path`.
        results: From `open_results`, with the `run_settings` of this inspector and these options.
        options: What to make besides the rows.
        jobs: How many pictures to work on at a time; at least 1.
        on_picture: Called with the rows of each picture as soon as they are written, and with those
            of a resumed run.

    Returns:
        The results of all pictures, those of a resumed run included.

    Raises:
        UsageError: The rows of a resumed run are of other pictures; the folder cannot be written.
        InterruptedRunError: The user stopped the batch.
    """
    kept: dict[str, tuple[Record, ...]] = {}

    def inspect_and_write(source: InputPicture) -> InspectedPicture:
        if source.path in kept:
            return InspectedPicture(kept[source.path])
        inspected = inspect_input(inspector, source, options)
        for name, data in inspected.files.items():
            results.write(name, data)
        return inspected.without_pictures()  # written, so no longer held

    tally = Tally(inspector.training_statistics, inspector.roi.subject)
    try:
        saved = _recover(results, inspector.classes, pictures)
        before = saved.first(_until_error(saved.pictures))
        kept.update((records[0].path, records) for records in saved.pictures if _was_read(records))
        for records in before.pictures:
            tally.add(InspectedPicture(records))
            on_picture(records)
        left = pictures[len(before.pictures) :]
        with (
            closing(map_in_order(inspect_and_write, left, jobs)) as done,
            RecordWriter(results.records, inspector.classes, before.size) as writer,
        ):
            for inspected in done:
                writer.write(inspected.records)
                tally.add(inspected)
                on_picture(inspected.records)
    except KeyboardInterrupt:
        # Count the rows on disk: the interrupt may come after they are written, before the tally.
        written = _saved(results, inspector.classes).begun
        raise InterruptedRunError(
            f"Stopped after {written} of {len(pictures)} files. Their rows are in "
            f"'{results.records.resolve()}'; continue with the same command and --resume -o "
            f"'{results.path}'."
        ) from None
    summary = tally.summary()
    return replace(summary, drift=_keep_drift(results, summary.drift))


def _was_read(records: Sequence[Record]) -> bool:
    return records[0].status != "error"


def _until_error(pictures: Sequence[Sequence[Record]]) -> int:
    """Returns how many pictures come before the first that could not be read."""
    return sum(1 for _ in takewhile(_was_read, pictures))


def _keep_drift(
    results: OpenResults, measured: tuple[Shift, ...] | None
) -> tuple[Shift, ...] | None:
    """Writes drift to run.json; where too little was inspected, returns that of an earlier run."""
    if measured is None:
        return read_shifts(results.read_run().get(DRIFT))
    results.write_drift([asdict(shift) for shift in measured])
    return measured


def _recover(
    folder: ResultsFolder, classes: Sequence[str], pictures: Sequence[InputPicture]
) -> RecoveredRecords:
    """Returns the rows of an earlier run that can be kept.

    It leaves out those from the first on whose overlay or mask is missing, or empty after a power
    cut.

    Raises:
        UsageError: They are of other pictures.
    """
    before = _saved(folder, classes)
    paths = [picture.path for picture in pictures]
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


def _saved(folder: ResultsFolder, classes: Sequence[str]) -> RecoveredRecords:
    """Returns the rows on disk, if there are any."""
    if not folder.records.exists():
        return RecoveredRecords()
    return recover_records(folder.records, classes)
