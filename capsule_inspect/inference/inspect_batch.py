"""Many pictures → a results folder."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from capsule_inspect import __version__
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference.batch_summary import BatchSummary
from capsule_inspect.inference.input_picture import InputPicture
from capsule_inspect.inference.inspect_file import InspectedFile, inspect_file
from capsule_inspect.inference.inspect_options import InspectOptions
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.map_in_order import map_in_order
from capsule_inspect.inference.open_results import OnExisting, open_results
from capsule_inspect.inference.record import Record
from capsule_inspect.inference.record_writer import RecordWriter
from capsule_inspect.inference.recover_records import RecoveredRecords, recover_records
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.inference.run_settings import RunSettings
from capsule_inspect.inference.tally import Tally
from capsule_inspect.printable import printable

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
