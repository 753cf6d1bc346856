"""Review the results of a batch in a browser, and store what the person says."""

import importlib.util
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.errors import MissingExtraError, UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.folder_lock import FolderLock, HeldError
from capsule_inspect.inference.corrections import (
    CORRECTIONS,
    CorrectionLog,
    require_new_classes,
)
from capsule_inspect.inference.review_queue import ReviewQueue, read_queue
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.serving.options import ServeOptions

_PACKAGES = ("starlette", "uvicorn")

_THREADS = 4
_WAITING = 64


@dataclass(frozen=True)
class ReviewResult:
    """What a review left.

    Attributes:
        corrections: The file of judgements.
        made: The number of lines that were added to it.
        judged: How many of the capsules are judged by now.
        items: How many there are to judge.
    """

    corrections: Path
    made: int
    judged: int
    items: int


def review(
    results: StrPath,
    options: ServeOptions,
    *,
    reviewer: str,
    classes: Sequence[str] = (),
    on_ready: Callable[[str], None] = lambda _address: None,
    reporter: Reporter = SILENT,
) -> ReviewResult:
    """Serves a page to judge the pictures of a run, until the process gets SIGINT or SIGTERM.

    Args:
        results: A results folder of `predict`; judgements go into its corrections.csv.
        options: Where to listen, and whom to serve.
        reviewer: The name that the page proposes.
        classes: Classes of defects that the model does not know.
        on_ready: Called with the address once the server listens.
        reporter: Told if a half-written judgement is taken out.

    Raises:
        MissingExtraError: A package of the `serve` extra is not installed.
        UsageError: A class cannot be called so, it is no folder of a finished run, it cannot be
            written, another process uses it, or the address cannot be listened on.
        DataError: Its rows or its corrections.csv are damaged.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"`review` needs packages that the light install leaves out ({', '.join(missing)}). "
            "Run: pip install 'capsule-inspect[serve]'"
        )
    folder = Path(results)
    require_new_classes(classes)
    queue = read_queue(folder)
    queue = replace(queue, classes=tuple(dict.fromkeys((*queue.classes, *classes))))
    if not queue.items:
        raise UsageError(f"'{folder}' has no picture that could be judged.")
    lock = FolderLock(folder, warn=reporter.warn)
    try:
        lock.acquire()
    except HeldError:
        raise UsageError(
            f"Another process uses '{folder}' now: a run that writes to it, or a review. Wait for "
            "it, or open the page of that review."
        ) from None
    except OSError as error:
        raise UsageError(
            f"'{folder}' cannot be written: {error.strerror}. Judgements go into its {CORRECTIONS}."
        ) from error
    try:
        return _serve(queue, options, reviewer, on_ready, reporter)
    finally:
        lock.release()


def _serve(
    queue: ReviewQueue,
    options: ServeOptions,
    reviewer: str,
    on_ready: Callable[[str], None],
    reporter: Reporter,
) -> ReviewResult:
    from capsule_inspect.serving.guard import LOG
    from capsule_inspect.serving.review import make_review_app
    from capsule_inspect.serving.server import run_server
    from capsule_inspect.serving.workers import Workers

    file = queue.folder.path / CORRECTIONS
    log = CorrectionLog(file, reporter.warn)
    before = len(log.lines)

    def announce(address: str) -> None:
        LOG.setLevel(logging.WARNING)  # a line for each picture is of no use to the one person
        on_ready(address)

    workers = Workers(_THREADS, _WAITING)
    try:
        app = make_review_app(queue, log, reviewer, options, workers)
        run_server(app, options, workers, announce)
    finally:
        log.close()
    return ReviewResult(
        corrections=file,
        made=len(log.lines) - before,
        judged=sum(log.judgements.of(item.key) is not None for item in queue.items),
        items=len(queue.items),
    )
