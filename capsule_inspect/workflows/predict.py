"""Inspect pictures and write a results folder."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, get_args

from capsule_inspect.checks import require_choice
from capsule_inspect.choices import (
    DEFAULT_ON_EXISTING,
    DEFAULT_OVERLAY_FORMAT,
    DEFAULT_OVERLAYS,
    DEFAULT_ROWS,
    DEFAULT_RUNTIME,
    SHIPPED_MODEL,
    WHOLE_PICTURE,
    AnnotationFormat,
    OnExisting,
    OverlayChoice,
    PictureFormat,
    RowsFormat,
    RuntimeName,
)
from capsule_inspect.cluster.connect import require_scheduler
from capsule_inspect.errors import ClusterError, UsageError
from capsule_inspect.files import StrPath, hash_file
from capsule_inspect.imaging.find_capsules import shows_another_product
from capsule_inspect.inference.addresses import refuse_address
from capsule_inspect.inference.annotations.files import refuse_shared_names
from capsule_inspect.inference.batch import (
    BatchSummary,
    InspectAll,
    OnPicture,
    inspect_batch,
    inspect_in_threads,
    run_settings,
)
from capsule_inspect.inference.cores import available_cores, jobs_that_fit
from capsule_inspect.inference.input_lists import is_list
from capsule_inspect.inference.inputs import InputPicture, expand_inputs, is_result
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import LoadedInspector, load
from capsule_inspect.inference.parts import Part, Share, hash_list
from capsule_inspect.inference.records import Record
from capsule_inspect.inference.results_folder import OpenResults
from capsule_inspect.modelfile.runtime import HINT
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.run_folder import input_name, new_run_folder
from capsule_inspect.text import counted
from capsule_inspect.workflows.arguments import compose_settings
from capsule_inspect.workflows.destination import find_destination
from capsule_inspect.workflows.extras import require_rows_format
from capsule_inspect.workflows.models import say_decision

Input: TypeAlias = StrPath | InputPicture
"""A path, pattern or list as text, a path, or a picture of another kind."""

OnRows: TypeAlias = Callable[[Sequence[Record], Sequence[str]], None]
"""Called with the rows of a picture, and the class names in the order of their probabilities."""


@dataclass(frozen=True)
class PredictResult:
    """The results of a batch of pictures.

    Attributes:
        folder: The results folder.
        predictions: Its predictions.csv.
        report: The page to look through; None if it was not wanted.
        classes: Class names in the model's order.
        summary: Counts of files, labels, unreadable files and warnings, and how the pictures differ
            from those of the training.
        seconds: How long it took, without an upload.
        address: Where the folder was uploaded to, and then removed from this machine; empty
            otherwise.
    """

    folder: Path
    predictions: Path
    report: Path | None
    classes: tuple[str, ...]
    summary: BatchSummary
    seconds: float
    address: str = ""


def predict(  # noqa: PLR0913  (each choice is a parameter)
    inputs: Input | Sequence[Input],
    *,
    out: StrPath | None = None,
    recursive: bool = False,
    part: tuple[int, int] | None = None,
    overlays: OverlayChoice = DEFAULT_OVERLAYS,
    overlay_format: PictureFormat = DEFAULT_OVERLAY_FORMAT,
    masks: bool = False,
    annotations: AnnotationFormat | None = None,
    report: bool = False,
    rows: RowsFormat = DEFAULT_ROWS,
    bits: int | None = None,
    model: StrPath | None = None,
    threshold: float | None = None,
    on_existing: OnExisting = DEFAULT_ON_EXISTING,
    jobs: int | None = None,
    runtime: RuntimeName = DEFAULT_RUNTIME,
    scheduler: str | None = None,
    verbose: bool = False,
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    on_rows: OnRows = lambda _rows, _classes: None,
    reporter: Reporter = SILENT,
) -> PredictResult:
    """Inspects pictures, and writes their rows, overlays and masks.

    A file that cannot be read becomes a row that says why, and the batch continues.

    Args:
        inputs: One or several picture files, folders, patterns such as `line-*/*.png`, `@LIST` for
            the lines of a file and `-` for those of stdin; or objects with `path`, `name` and
            `read`, as `InputPicture` describes them.
        out: The results folder, new or empty, or an address as text, such as
            `s3://bucket/results`; by default `runs/predict/<time>-<input>/`.
        recursive: Look into subfolders, too.
        part: Inspect part K of N alone, given as `(k, n)`; `join` makes one folder of all parts.
        overlays: Which pictures to write with their findings drawn in.
        overlay_format: The format of the overlays.
        masks: Write masks of the defects.
        annotations: Write the defects as annotations in this format: `coco`, `labelme`, `yolo` or
            `cvat`.
        report: Write report.html, a page to look through.
        rows: `parquet` to write the rows as Parquet, too; needs the extra `parquet`.
        bits: The bits of 16 that the camera uses, from 9 to 16; by default what each file says, or
            16.
        model: A `.tflite` file; by default the one that ships.
        threshold: Capsules with at least this defect score are defective, in [0, 1]; by default
            the model decides.
        on_existing: What to do with a results folder that already holds a run.
        jobs: Pictures to inspect at the same time, at least 1; by default the number of cores
            divided by `predict.threads`.
        runtime: What executes the model.
        scheduler: The address of a Dask scheduler, such as `tcp://host:8786`, whose workers inspect
            the pictures; or `local`, for so many jobs of worker processes on this machine.
        verbose: Say which model, runtime and threshold.
        overrides: Settings to change, such as `predict.threads=2`.
        config_dir: A folder of your own config groups.
        on_rows: Called with the rows of each picture as soon as they are written.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: Inputs, settings, model or folder cannot be used.
        MissingExtraError: `scheduler` is given, and Dask is not installed.
        ClusterError: The scheduler or its workers are lost, or cannot take part.
        InterruptedRunError: The user stopped the batch; the message says how to resume it.
    """
    start = time.monotonic()
    _require_choices(on_existing, jobs)
    require_rows_format(rows)
    if scheduler is not None:
        require_scheduler(scheduler, jobs)
    share = None if part is None else Share(*part)
    settings = compose_settings(overrides, config_dir, light=True, reporter=reporter).predict
    options = InspectOptions(
        overlays=overlays,
        overlay_format=overlay_format,
        masks=masks,
        max_pixels=round(settings.max_megapixels * 1e6),
        bits=bits,
        annotations=annotations,
    )
    named = [_as_input(each) for each in _as_sequence(inputs)]
    if isinstance(out, os.PathLike):
        refuse_address(out, "Give it as text.")
    place = find_destination(out, on_existing)
    pictures = expand_inputs(named, recursive, is_result, reporter.say)
    if annotations is not None:
        refuse_shared_names(pictures, annotations)
    file = Path(model or SHIPPED_MODEL)
    inspector = _load(file, threshold, runtime, settings.threads, reporter if verbose else SILENT)
    # Only now, so that a mistyped input leaves no folder behind.
    first = named[0] if isinstance(named[0], str) else named[0].name
    folder = place.folder or new_run_folder("predict", input_name(first))

    settled = run_settings(inspector, options)
    if share is not None:
        # Only now: the names of results were settled over all pictures.
        settled = replace(settled, part=_freeze(share, pictures, inspector.roi.subject))
        own = tuple(share.of(pictures))
        reporter.say(f"Part {share} takes {len(own)} of {counted(len(pictures), 'picture')}.")
        pictures = own

    work = _Work(
        file, threshold, runtime, settings.threads, jobs or default_jobs(settings.threads), options
    )
    with (
        _inspecting(work, inspector, scheduler, reporter) as inspect_all,
        place.opened(folder, settled, on_existing, reporter) as results,
    ):
        with reporter.progress(len(pictures), "Inspecting") as advance, _with_way_on(results):
            summary = inspect_batch(
                inspector,
                pictures,
                results,
                options,
                rows=rows,
                on_picture=pass_on(on_rows, inspector.classes, reporter, advance),
                inspect_all=inspect_all,
            )
        _warn_of_another_product(inspector, summary, reporter)
        seconds = time.monotonic() - start
        if report:
            _write_report(results, file, inspector, summary, options)
    return PredictResult(
        folder=folder,
        predictions=results.records,
        report=results.report if report else None,
        classes=inspector.classes,
        summary=summary,
        seconds=seconds,
        address=place.address,
    )


def pass_on(
    on_rows: OnRows, classes: Sequence[str], reporter: Reporter, advance: Callable[[], None]
) -> OnPicture:
    """Returns what is called with the rows of each picture that is written.

    Args:
        on_rows: Called with them and the class names.
        classes: The class names.
        reporter: Told of errors and warnings in them.
        advance: Called last.
    """

    def on_picture(rows: Sequence[Record]) -> None:
        on_rows(rows, classes)
        for row in rows:
            if row.error or row.warning:
                reporter.note(f"{row.path}: {row.error or row.warning}")
        advance()

    return on_picture


@dataclass(frozen=True)
class _Work:
    """What decides how pictures are inspected, wherever that happens."""

    model: Path
    threshold: float | None
    runtime: RuntimeName
    threads: int
    jobs: int
    options: InspectOptions


def _inspecting(
    work: _Work, inspector: LoadedInspector, scheduler: str | None, reporter: Reporter
) -> AbstractContextManager[InspectAll]:
    """Returns what inspects the pictures: threads of this process, or workers of a cluster."""
    if scheduler is None:
        return nullcontext(inspect_in_threads(inspector, work.options, work.jobs))
    from capsule_inspect.cluster.chunks import on_workers
    from capsule_inspect.cluster.worker import Order, installed_stack

    order = Order(
        hash_file(work.model),
        work.threshold,
        work.runtime,
        work.threads,
        installed_stack(work.runtime),
        work.options,
    )
    return on_workers(scheduler, work.model, order, work.jobs, reporter)


@contextmanager
def _with_way_on(results: OpenResults) -> Iterator[None]:
    """Says how to go on where a cluster was lost."""
    try:
        yield
    except ClusterError as error:
        raise ClusterError(
            f"{error} The rows so far are in '{results.records.resolve()}'; continue with the same "
            f"command and --resume -o '{results.place}'."
        ) from error


def _warn_of_another_product(
    inspector: LoadedInspector, summary: BatchSummary, reporter: Reporter
) -> None:
    read = summary.files - summary.errors
    if inspector.roi.mode == "capsule" and shows_another_product(summary.no_capsule, read):
        reporter.warn(
            f"No capsule is found on {summary.no_capsule} of {counted(read, 'picture')}. A capsule "
            "is a long object on an even ground. Another product needs a model of its own, trained "
            f"with {WHOLE_PICTURE}."
        )


def _require_choices(on_existing: str, jobs: int | None) -> None:
    require_choice("on_existing", on_existing, get_args(OnExisting), UsageError)
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs is {jobs}, but must be at least 1.")


def _freeze(share: Share, pictures: Sequence[InputPicture], subject: str) -> Part:
    """Returns a part of the list of all pictures, which it holds on to as a digest."""
    digest = hash_list((picture.path, picture.name) for picture in pictures)
    return Part(share.k, share.n, len(pictures), digest, subject)


def _as_sequence(inputs: Input | Sequence[Input]) -> Sequence[Input]:
    return inputs if isinstance(inputs, Sequence) and not isinstance(inputs, str) else (inputs,)


def _as_input(each: Input) -> str | InputPicture:
    """Returns an input as text; a `Path` is never a list, whatever its name."""
    if not isinstance(each, os.PathLike):
        return each
    text = os.fspath(each)
    return os.path.join(os.curdir, text) if is_list(text) else text  # noqa: PTH118  (Path drops the dot)


def default_jobs(threads: int) -> int:
    """Returns how many jobs of so many threads the cores and memory of this process can take."""
    return jobs_that_fit(max(1, available_cores() // threads))


def _load(
    file: Path, threshold: float | None, runtime: RuntimeName, threads: int, reporter: Reporter
) -> LoadedInspector:
    """Loads the model, and says which model, runtime and threshold."""
    inspector = load(file, threshold=threshold, runtime=runtime, threads=threads)
    reporter.say(f"Model: {file} ({inspector.metadata.quantization})")
    reporter.say(f"Runtime: {inspector.runtime}, {counted(threads, 'thread')}")
    say_decision(inspector.point, reporter)
    return inspector


def _write_report(
    results: OpenResults,
    model: Path,
    inspector: LoadedInspector,
    summary: BatchSummary,
    options: InspectOptions,
) -> None:
    from capsule_inspect.pages.batch_page import write_batch_page  # Jinja, which few runs need

    about = f"Model {model.name}, threshold {inspector.point.threshold:.3g}."
    if _gives_hints(inspector):
        about += " Colours on a defect are a hint at what decided; the model makes no masks."
    with results.sealed_again():
        write_batch_page(results, about, summary, options.max_pixels, options.bits)


def _gives_hints(inspector: LoadedInspector) -> bool:
    """Tells whether overlays show hints; a file that gives them has a known answer."""
    answer = inspector.metadata.known_answer
    return answer is not None and any(each.name == HINT for each in answer.outputs)
