"""Inspect many pictures in parallel, in order, and count the results."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain as chain_of
from itertools import islice, takewhile, zip_longest
from typing import Protocol, TypeVar

from capsule_inspect import __version__
from capsule_inspect.choices import DEFAULT_ROWS, RowsFormat
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.files import hash_file
from capsule_inspect.inference.annotations.lines import AnnotationLines
from capsule_inspect.inference.digests import (
    Chain,
    DigestWriter,
    PictureDigests,
    read_chain,
    sha256,
)
from capsule_inspect.inference.drift import DriftMeter, Shift, read_shifts
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_picture import InspectedPicture, InspectOptions
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.other_forms import write_other_forms
from capsule_inspect.inference.parquet_rows import refuse_foreign_rows
from capsule_inspect.inference.picture_results import PictureResults, inspect_one
from capsule_inspect.inference.read_ahead import read_ahead
from capsule_inspect.inference.records import (
    Record,
    RecordWriter,
    RecoveredRecords,
    recover_records,
    rows_as_csv,
)
from capsule_inspect.inference.results_folder import (
    OpenResults,
    ResultsFolder,
    RunSettings,
    sentences_for,
)
from capsule_inspect.inference.seal import DRIFT
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
        reviews: Rows for a person to decide on.
    """

    files: int
    labels: Counter[str]
    no_capsule: int
    errors: int
    warnings: int
    drift: tuple[Shift, ...] | None
    subject: str = "capsule"
    reviews: int = 0

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
        self._reviews = 0
        self._drift = DriftMeter(statistics)

    def add(self, inspected: InspectedPicture) -> None:
        """Adds one picture."""
        records = inspected.records
        self.files += 1
        self._labels.update(record.label for record in records if record.status == "ok")
        self._statuses.update({record.status for record in records})
        self._warnings += sum(bool(record.warning) for record in records)
        self._reviews += sum(record.decision == "review" for record in records)
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
            reviews=self._reviews,
        )


OnPicture = Callable[[Sequence[Record]], None]
"""Called with the rows of one picture."""


Write = Callable[[PictureResults], PictureResults]
"""Writes overlay and mask of a picture, and returns what is left to write; any thread may call."""


class InspectAll(Protocol):
    """Inspects pictures, in threads or elsewhere."""

    def __call__(
        self, pictures: Sequence[InputPicture], write: Write, /
    ) -> Generator[PictureResults, None, None]:
        """Inspects pictures, and passes the results of each to `write`.

        Args:
            pictures: The pictures.
            write: Called once for each picture.

        Yields:
            What `write` returns, in the order of the pictures.
        """
        ...


def inspect_in_threads(inspector: Inspector, options: InspectOptions, jobs: int) -> InspectAll:
    """Returns what inspects pictures in threads of this process.

    Args:
        inspector: Judges one picture; for several jobs, from several threads.
        options: What to make besides the rows.
        jobs: How many pictures to work on at a time; at least 1.
    """

    def inspect_all(
        pictures: Sequence[InputPicture], write: Write, /
    ) -> Generator[PictureResults, None, None]:
        def work(source: InputPicture) -> PictureResults:
            return write(inspect_one(inspector, source, options))

        with (
            closing(read_ahead(pictures, options.max_pixels)) as ahead,
            closing(map_in_order(work, ahead, jobs)) as done,
        ):
            yield from done

    return inspect_all


def run_settings(inspector: Inspector, options: InspectOptions) -> RunSettings:
    """Returns the settings of a run, for `open_results`."""
    point = inspector.point
    band = point.review
    return RunSettings(
        version=__version__,
        model=inspector.model_sha256,
        classes=inspector.classes,
        temperature=point.temperature,
        threshold=point.threshold,
        mask_threshold=point.mask_threshold,
        **asdict(options),
        accept_below=None if band is None else band.accept_below,
        reject_from=None if band is None else band.reject_from,
    )


def inspect_batch(
    inspector: Inspector,
    pictures: Sequence[InputPicture],
    results: OpenResults,
    options: InspectOptions,
    *,
    jobs: int = 1,
    rows: RowsFormat = DEFAULT_ROWS,
    on_picture: OnPicture = lambda _: None,
    inspect_all: InspectAll | None = None,
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
        rows: `parquet` to write the rows as Parquet, too, once they are all there.
        on_picture: Called with the rows of each picture as soon as they are written, and with those
            of a resumed run.
        inspect_all: Inspects the pictures; by default so many jobs in this process.

    Returns:
        The results of all pictures, those of a resumed run included.

    Raises:
        UsageError: The rows of a resumed run are of other pictures; the folder cannot be written.
        InterruptedRunError: The user stopped the batch.
    """

    def write(each: PictureResults) -> PictureResults:
        for name, data in each.inspected.files.items():
            results.write(name, data)
        return each.without_pictures()  # written, so no longer held

    if rows == "parquet":
        refuse_foreign_rows(results)
    inspect_all = inspect_all or inspect_in_threads(inspector, options, jobs)
    lines = AnnotationLines(results.annotation_lines, options.annotations is not None)
    tally = Tally(inspector.training_statistics, inspector.roi.subject)
    try:
        saved, chain = _recover(results, inspector.classes, pictures)
        saved = saved.first(lines.recover([records[0].path for records in saved.pictures]))
        known = list(_digests_of(results, saved, chain, inspector.classes))
        before = saved.first(_until_error(saved.pictures))
        count = len(before.pictures)
        later = lines.read(count, len(saved.pictures))
        kept = {
            records[0].path: PictureResults(InspectedPicture(records), digests, line)
            for records, digests, line in zip(
                saved.pictures[count:], known[count:], later, strict=True
            )
            if _was_read(records)
        }
        for records in before.pictures:
            tally.add(InspectedPicture(records))
            on_picture(records)
        left = pictures[count:]
        sound = min(count, len(chain.pictures))
        stale = _files_of(known, chain)
        with (
            closing(inspect_all([p for p in left if p.path not in kept], write)) as inspected,
            RecordWriter(results.records, inspector.classes, before.size) as writer,
            DigestWriter(results.digests, chain, sound) as digest_writer,
            lines.open(count) as write_line,
        ):
            for digests in known[sound:count]:
                digest_writer.write(digests)
            stale.difference_update(*(digests.files for digests in known[:count]))
            for picture in left:
                each = kept.get(picture.path) or next(inspected)
                write_line(each.line)  # first: a picture with rows has all the rest
                writer.write(each.inspected.records)
                digest_writer.write(each.digests)
                stale.difference_update(each.digests.files)
                tally.add(each.inspected)
                on_picture(each.inspected.records)
    except KeyboardInterrupt:
        # Count the rows on disk: the interrupt may come after they are written, before the tally.
        written = _saved(results, inspector.classes).begun
        raise InterruptedRunError(
            f"Stopped after {written} of {len(pictures)} files. Their rows are in "
            f"'{results.records.resolve()}'; continue with the same command and --resume -o "
            f"'{results.place}'."
        ) from None
    summary = tally.summary()
    for name in stale:
        results.remove(name)
    drift = _keep_drift(results, summary.drift)
    results.seal(
        write_other_forms(results, inspector.classes, options.annotations, rows, digest_writer)
    )
    return replace(summary, drift=drift)


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
) -> tuple[RecoveredRecords, Chain]:
    """Returns the rows of an earlier run that can be kept, and its digests.

    It leaves out those from the first on whose overlay or mask is missing, or empty after a power
    cut, or whose digests say something else.

    Raises:
        UsageError: They are of other pictures.
    """
    before = _saved(folder, classes)
    with sentences_for(folder.path):
        chain = read_chain(folder.digests)
    paths = [picture.path for picture in pictures]
    for records, path in zip(before.pictures, chain_of(paths, [""]), strict=False):
        if records[0].path != path:
            raise UsageError(
                f"The run in '{folder.path}' has a row for '{records[0].path}', which is not in "
                "its place among the inputs now. Name the same inputs, or start it again with "
                "--overwrite."
            )
    known = zip_longest(before.pictures, chain.pictures[: len(before.pictures)])
    whole = takewhile(lambda each: _is_whole(folder, *each, classes), known)
    return before.first(sum(1 for _ in whole)), chain


def _is_whole(
    folder: ResultsFolder,
    records: Sequence[Record],
    digests: PictureDigests | None,
    classes: Sequence[str],
) -> bool:
    names = {records[0].overlay, records[0].mask} - {""}
    same = digests is None or digests.rows_sha256 == sha256(rows_as_csv(records, classes))
    return same and all(folder.holds(name) for name in names)


def _digests_of(
    folder: ResultsFolder, saved: RecoveredRecords, chain: Chain, classes: Sequence[str]
) -> Iterator[PictureDigests]:
    """Yields the digests of saved pictures; where they are lost, those of what is there now.

    What the picture itself was, nobody knows then.
    """
    for records, digests in zip_longest(saved.pictures, chain.pictures[: len(saved.pictures)]):
        if digests is not None:
            yield digests
            continue
        overlay, mask = records[0].overlay, records[0].mask
        yield PictureDigests(
            path=records[0].path,
            picture_sha256="",
            rows_sha256=sha256(rows_as_csv(records, classes)),
            overlay=overlay,
            overlay_sha256=hash_file(folder.path / overlay) if overlay else "",
            mask=mask,
            mask_sha256=hash_file(folder.path / mask) if mask else "",
        )


def _files_of(known: Iterable[PictureDigests], chain: Chain) -> set[str]:
    """Returns the names of all overlays and masks of an earlier run."""
    of_run = (*known, *chain.pictures, *chain.later)
    return {name for digests in of_run for name in digests.files}


def _saved(folder: ResultsFolder, classes: Sequence[str]) -> RecoveredRecords:
    """Returns the rows on disk, if there are any."""
    if not folder.records.exists():
        return RecoveredRecords()
    return recover_records(folder.records, classes)
