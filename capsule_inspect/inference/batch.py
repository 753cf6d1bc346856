"""Many pictures → a results folder."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

from capsule_inspect import __version__
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference.drift import Drift
from capsule_inspect.inference.in_order import map_in_order
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_file import ALL_OVERLAYS, Inspected, Wanted, inspect_file
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.records import Record, RecordWriter
from capsule_inspect.inference.recover_records import Recovered, recover_records
from capsule_inspect.inference.results_folder import (
    OnExisting,
    ResultsFolder,
    RunSettings,
    open_results,
    sentences_for,
)
from capsule_inspect.printable import printable

OnPicture = Callable[[Sequence[Record]], None]


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

    files: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    no_capsule: int = 0
    errors: int = 0
    warnings: int = 0
    drift: str = ""

    @property
    def capsules(self) -> int:
        """Number of capsules."""
        return self.labels.total()


def inspect_batch(
    inspector: Inspector,
    pictures: Sequence[InputPicture],
    out: Path,
    wanted: Wanted = ALL_OVERLAYS,
    *,
    jobs: int = 1,
    on_existing: OnExisting = "refuse",
    on_picture: OnPicture | None = None,
) -> BatchSummary:
    """Inspects pictures and writes `predictions.csv`, overlays and masks.

    A file that cannot be read becomes a row and the batch goes on. Rows are on disk, in the order
    of the pictures, as soon as theirs is done; overlays and masks appear under their names only
    when complete, and before their rows.

    Args:
        inspector: Judges one picture; for several jobs, from several threads.
        pictures: From `inputs.expand_inputs`.
        out: The results folder; made if need be.
        wanted: What to make beside the rows.
        jobs: How many pictures to work on at a time; at least 1.
        on_existing: What to do with a folder that holds something already.
        on_picture: Called with the rows of each picture as soon as they are written, and with those
            of an earlier run that is resumed.

    Raises:
        UsageError: The results folder cannot be used as asked, or cannot be written.
        InterruptedRunError: The user stopped the batch.
    """
    folder = ResultsFolder(out)
    labels: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    done = warnings = 0
    drift = Drift(inspector.seen)

    def work(picture: InputPicture) -> Inspected:
        return inspect_file(inspector, picture, wanted, folder.write)

    try:
        with open_results(folder, _settings(inspector, wanted), on_existing):
            before = _recover(folder, inspector.classes, pictures)
            fresh = map_in_order(work, pictures[len(before.pictures) :], jobs)
            with closing(_write(folder, inspector.classes, before, fresh, drift)) as written:
                for records in chain(before.pictures, written):
                    done += 1
                    labels.update(record.label for record in records if record.status == "ok")
                    statuses.update({record.status for record in records})
                    warnings += sum(bool(record.warning) for record in records)
                    if on_picture:
                        on_picture(records)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped after {done} of {len(pictures)} files. Their rows are in "
            f"'{folder.records.resolve()}'; go on with the same command and --resume -o '{out}'."
        ) from None
    return BatchSummary(
        done, labels, statuses["no_capsule"], statuses["error"], warnings, drift.describe()
    )


def _settings(inspector: Inspector, wanted: Wanted) -> RunSettings:
    point = inspector.point
    return {
        "version": __version__,
        "model": inspector.model,
        "classes": inspector.classes,
        "temperature": point.temperature,
        "threshold": point.threshold,
        "mask_threshold": point.mask_threshold,
        **asdict(wanted),
    }


def _recover(
    folder: ResultsFolder, classes: Sequence[str], pictures: Sequence[InputPicture]
) -> Recovered:
    """Returns the rows of an earlier run whose pictures need not be inspected again.

    Those from the first on whose overlay or mask is not there, or was lost to a power cut, are left
    out.

    Raises:
        UsageError: They are of other pictures.
    """
    if not folder.records.exists():
        return Recovered()
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


def _write(
    folder: ResultsFolder,
    classes: Sequence[str],
    before: Recovered,
    fresh: Generator[Inspected, None, None],
    drift: Drift,
) -> Generator[tuple[Record, ...], None, None]:
    """Yields the rows of each picture once they are on disk."""
    with closing(fresh):
        with sentences_for(folder.path):
            if not before.size:
                folder.records.unlink(missing_ok=True)
            writer = RecordWriter(folder.records, classes, before.size)
        with sentences_for(folder.path), writer:
            for inspected in fresh:
                writer.write(inspected.records)
                for each in inspected.observed:
                    drift.add(each)
                yield inspected.records
