"""Follow a folder that a camera writes to, and inspect each picture once it is complete."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from capsule_inspect.choices import DEFAULT_RUNTIME, SHIPPED_MODEL, RuntimeName
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.files import StrPath, write_json
from capsule_inspect.folder_lock import LOCK, FolderLock, HeldError
from capsule_inspect.inference.addresses import refuse_address
from capsule_inspect.inference.batch import run_settings
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import LoadedInspector, load
from capsule_inspect.inference.results_folder import (
    ResultsFolder,
    RunSettings,
    open_results,
    sentences_for,
)
from capsule_inspect.inference.seal import DIGESTS, DRIFT
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.text import counted, suggest_path
from capsule_inspect.watching.afterwards import Afterwards
from capsule_inspect.watching.counts import Counts
from capsule_inspect.watching.defect_command import DefectCommand
from capsule_inspect.watching.health import HealthServer, Supervisor
from capsule_inspect.watching.ledger import WATCHED, Ledger
from capsule_inspect.watching.listing import WatchedFolder
from capsule_inspect.watching.options import DAILY, Rotation, WatchOptions
from capsule_inspect.watching.output import Listener, Output
from capsule_inspect.watching.results import ResultNames, WatchResults
from capsule_inspect.watching.retention import Retention
from capsule_inspect.watching.rotation import FolderSeries
from capsule_inspect.watching.troubles import Troubles
from capsule_inspect.watching.watcher import Tools, Watcher
from capsule_inspect.watching.webhook import QUEUE, Webhook
from capsule_inspect.workflows.models import say_decision

_WATCH: Final = "watch.json"
"""The file in the results folder that says which folder is watched."""

_FOLDER, _ROTATE = "folder", "rotate"
"""Its keys."""

_LOOK: Final = 1.0
"""Seconds between two looks whether the watch has ended."""

_LAST_SECONDS: Final = 5.0
"""Seconds that command and webhook have at the end."""


@dataclass(frozen=True)
class WatchResult:
    """What a watch left.

    Attributes:
        folder: The results folder, or with rotation the folder of them.
        predictions: The predictions.csv that the last rows went into.
        counts: What it did since it was started.
        rows_of: How many pictures have rows, those of earlier watches included.
    """

    folder: Path
    predictions: Path
    counts: Counts
    rows_of: int


def watch(  # noqa: PLR0913  (each choice is a parameter)
    folder: StrPath,
    *,
    out: StrPath,
    options: WatchOptions | None = None,
    draws: InspectOptions | None = None,
    model: StrPath = SHIPPED_MODEL,
    threshold: float | None = None,
    runtime: RuntimeName = DEFAULT_RUNTIME,
    verbose: bool = False,
    on_ready: Callable[[str], None] = lambda _address: None,
    on_status: Callable[[str], None] = lambda _status: None,
    reporter: Reporter = SILENT,
) -> WatchResult:
    """Watches a folder until it is interrupted, or with `once` until all that is there is done.

    The results folder is one like that of `predict`, with the pictures in the order in which they
    were inspected. After a kill at any moment the same call goes on; every picture has its rows
    once.

    Args:
        folder: The folder; hidden files and what is no picture are left out.
        out: The results folder: new, empty, or that of an earlier watch of the same folder.
        options: What to wait for, and what to do besides.
        draws: What to make besides the rows.
        model: A `.tflite` file; by default the one that ships.
        threshold: Capsules with at least this defect score are defective, in [0, 1]; by default
            the model decides.
        runtime: What executes the model.
        verbose: Say which model, runtime and threshold.
        on_ready: Called once it watches, with the address of its health; empty without.
        on_status: Called about every second with the status line.
        reporter: Takes a line for each picture, and what goes wrong.

    Raises:
        CapsuleInspectError: Folder, options, model or results folder cannot be used.
        InterruptedRunError: The user stopped it; the results are sealed, and the same call goes on.
    """
    options, draws = options or WatchOptions(), draws or InspectOptions()
    given, target = Path(folder), Path(out)
    for each in (out, *filter(None, [options.to])):
        refuse_address(each, "Name a folder; watch writes and moves to nowhere else.")
    _require_folders(given, target)
    inspector = load(model, threshold=threshold, runtime=runtime)
    if verbose:
        _describe(Path(model), inspector, reporter)
    settings = run_settings(inspector, draws)
    _require_same_watch(target, given, options.rotate)
    if options.rotate is None:
        _require_same(ResultsFolder(target), settings)
    if options.to is not None:
        _make_folder(options.to)
    left_out = [target] if options.to is None else [target, options.to]
    watched = WatchedFolder(given, options.recursive, left_out)
    counts = Counts()
    with _open_rows(target, given, options.rotate, settings, reporter) as rows:
        work = _Work(target, watched, options, draws, inspector, rows, counts, reporter)
        is_stopped = work.run(on_ready, on_status)
        rows.seal()
    done = WatchResult(target, rows.folder.records, counts, rows.count)
    if is_stopped:
        raise InterruptedRunError(
            f"Stopped after {counts.describe()}. The rows are in "
            f"'{done.predictions.resolve()}'; the same command goes on."
        )
    return done


def _require_folders(folder: Path, out: Path) -> None:
    if not folder.is_dir():
        hint = suggest_path(folder, Path.is_dir) or " Check the path, and whether it is mounted."
        raise UsageError(f"There is no folder '{folder}' to watch.{hint}")
    real, real_out = Path(os.path.realpath(folder)), Path(os.path.realpath(out))
    if real == real_out or real_out in real.parents:
        raise UsageError(
            f"The watched folder '{folder}' is in the results folder '{out}'. Name another with -o."
        )


@contextmanager
def _open_rows(
    out: Path,
    folder: Path,
    rotation: Rotation | None,
    settings: RunSettings,
    reporter: Reporter,
) -> Iterator[WatchResults]:
    """Opens the results, in one folder or in one after the other."""
    with ExitStack() as opened:
        if rotation is None:
            was_sealed = ResultsFolder(out).read_seal() is not None
            results = opened.enter_context(open_results(out, settings, "resume", reporter.warn))
            rows = WatchResults(results, settings.classes)
        else:
            opened.enter_context(_lock(out, reporter))
            series = opened.enter_context(
                closing(FolderSeries(out, settings, rotation, reporter.warn))
            )
            for each in series.folders:  # predict can have written over any of them
                _require_same(each, settings)
            was_sealed = series.last.read_seal() is not None
            earlier = series.read_earlier(settings.classes)
            rows = WatchResults(series.open(), settings.classes, earlier, series)
        opened.enter_context(closing(rows))
        with sentences_for(out):
            write_json(out / _WATCH, {_FOLDER: str(folder), **_kind(rotation)})
        if not was_sealed:
            rows.sweep()
        yield rows


@contextmanager
def _lock(out: Path, reporter: Reporter) -> Iterator[None]:
    with sentences_for(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(out, warn=reporter.warn)
        try:
            lock.acquire()
        except HeldError:
            raise UsageError(
                f"Another watch writes to '{out}' now. Wait for it, or name another folder with -o."
            ) from None
    try:
        yield
    finally:
        lock.release()


def _kind(rotation: Rotation | None) -> dict[str, str]:
    """Returns what watch.json says of the folders of results, but for one folder alone."""
    return {} if rotation is None else {_ROTATE: DAILY if rotation == DAILY else "size"}


def _require_same_watch(out: Path, folder: Path, rotation: Rotation | None) -> None:
    """Refuses a folder of something else than the same watch.

    Raises:
        UsageError: It has results of `predict`, of another folder, or of another rotation; or other
            files, and the results rotate.
    """
    results, before = ResultsFolder(out), _read_watch(out)
    if results.records.exists() and results.is_of_a_run() and not (out / WATCHED).exists():
        raise UsageError(
            f"'{out}' has results of predict, not of watch. Name another folder with -o."
        )
    watched = before.get(_FOLDER)
    if isinstance(watched, str) and watched != str(folder):
        raise UsageError(
            f"'{out}' has the results of watching '{watched}', not '{folder}'. Give that folder, "
            "spelled as before, or name another results folder with -o."
        )
    if before.get(_ROTATE) != _kind(rotation).get(_ROTATE) and (before or results.is_of_a_run()):
        had = before.get(_ROTATE)
        said = f"watch with --rotate {had}" if had else "watch without --rotate"
        raise UsageError(
            f"'{out}' has the results of a {said}. Watch so again, or name another results folder "
            "with -o."
        )
    is_new = rotation is None or before or not out.is_dir()
    if not is_new and any(each.name != LOCK for each in out.iterdir()):
        raise UsageError(f"The output folder '{out}' is not empty. Name another with -o.")


def _require_same(results: ResultsFolder, settings: RunSettings) -> None:
    """Refuses a results folder that was made with other settings.

    Raises:
        UsageError: It was.
    """
    if not results.is_of_a_run():
        return
    run, now = results.read_run(), json.loads(settings.to_json())
    keys = dict.fromkeys((*run, *now))
    changed = [k for k in keys if k not in {DIGESTS, DRIFT} and run.get(k) != now.get(k)]
    if changed:
        said = ", ".join(f"{key} was {run.get(key)}, now {now.get(key)}" for key in changed)
        raise UsageError(
            f"The results in '{results.path}' were made with other settings ({said}). Watch with "
            "the same, or name another folder with -o."
        )


def _read_watch(out: Path) -> dict[str, object]:
    """Returns what a watch before said of itself; empty if nobody knows."""
    try:
        known = json.loads((out / _WATCH).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be made: {error.strerror}.") from error


def _describe(model: Path, inspector: LoadedInspector, reporter: Reporter) -> None:
    reporter.say(f"Model: {model} ({inspector.metadata.quantization})")
    reporter.say(f"Runtime: {inspector.runtime}")
    say_decision(inspector.point, reporter)


@dataclass(frozen=True)
class _Work:
    """One watch, with all that it needs but for what it opens.

    Attributes:
        home: The folder of the results, or of their folders.
        folder: The watched folder.
        options: The options of the watch.
        draws: What to make besides the rows.
        inspector: Judges the pictures.
        rows: Where rows go.
        counts: Counts them.
        reporter: Takes the sentences.
    """

    home: Path
    folder: WatchedFolder
    options: WatchOptions
    draws: InspectOptions
    inspector: LoadedInspector
    rows: WatchResults
    counts: Counts
    reporter: Reporter

    def run(self, on_ready: Callable[[str], None], on_status: Callable[[str], None]) -> bool:
        """Watches to the end; tells whether it was stopped."""
        supervisor = Supervisor()

        with ExitStack() as opened:
            address = self._open_health(opened)
            troubles = Troubles(self.reporter)
            retention = self._open_retention(opened, troubles)

            def beat() -> None:
                status = self.counts.describe()
                on_status(status)
                supervisor.beat(status)
                if retention is not None:
                    retention.run()

            listeners = self._open_listeners(opened)
            listeners += [] if retention is None else [retention]
            tools = self._tools(opened, troubles, listeners, beat)
            watcher = Watcher(tools, self.options)
            watcher.begin()  # what comes once people know of it is noticed at once
            on_ready(address)
            supervisor.ready()
            is_stopped = _run_until_stopped(watcher)
            supervisor.stopping()
        return is_stopped

    def _open_health(self, opened: ExitStack) -> str:
        """Opens the port if asked for; returns its address."""
        if self.options.port is None:
            return ""
        health = HealthServer(self.counts, self.options.port)
        opened.callback(health.close)
        return health.address

    def _open_retention(self, opened: ExitStack, troubles: Troubles) -> Retention | None:
        """Begins to remove overlays and masks, if that was asked for."""
        days, most = self.options.keep_overlays, self.options.max_disk
        if days is None and most is None:
            return None
        with sentences_for(self.home):
            retention = Retention(self.home, days, most, troubles)
        opened.callback(retention.close)
        return retention

    def _tools(
        self,
        opened: ExitStack,
        troubles: Troubles,
        listeners: Sequence[Listener],
        on_beat: Callable[[], None],
    ) -> Tools:
        rows, reporter = self.rows, self.reporter
        file, rotates = self.home / WATCHED, self.options.rotate is not None
        ledger = Ledger(file, rows.pictures, rows.errors, trusts_file=rotates)
        opened.callback(ledger.close)
        afterwards = Afterwards(self.options.then, self.options.to, troubles)
        output = Output(
            self.folder,
            rows,
            ledger,
            afterwards,
            listeners,
            self.counts,
            troubles,
            reporter,
        )
        return Tools(
            folder=self.folder,
            inspector=self.inspector,
            draws=self.draws,
            names=ResultNames(self.draws.overlay_format, rows.pictures),
            ledger=ledger,
            afterwards=afterwards,
            output=output,
            counts=self.counts,
            troubles=troubles,
            reporter=reporter,
            on_beat=on_beat,
        )

    def _open_listeners(self, opened: ExitStack) -> list[Listener]:
        classes, warn = self.inspector.classes, self.reporter.warn
        listeners: list[Listener] = []
        if self.options.on_defect:
            command = DefectCommand(self.options.on_defect, classes, warn)
            opened.callback(self._close_command, command)
            listeners.append(command)
        if self.options.webhook:
            queue = self.home / QUEUE
            with sentences_for(queue):
                webhook = Webhook(self.options.webhook, queue, classes, warn)
                webhook.start(self.rows.count)
            opened.callback(self._close_webhook, webhook)
            listeners.append(webhook)
        return listeners

    def _close_command(self, command: DefectCommand) -> None:
        if left := command.close(_LAST_SECONDS):
            self.reporter.warn(
                f"The command of --on-defect was not told of {counted(left, 'defect')}."
            )

    def _close_webhook(self, webhook: Webhook) -> None:
        if left := webhook.close(_LAST_SECONDS):
            self.reporter.warn(
                f"{counted(left, 'message')} to the webhook wait in {QUEUE}/; the next watch sends "
                "them."
            )


def _run_until_stopped(watcher: Watcher) -> bool:
    """Runs a watcher in a thread of its own, which no signal can interrupt halfway.

    Returns:
        Whether a signal stopped it.
    """
    with ThreadPoolExecutor(1, "watch") as thread:
        running = thread.submit(watcher.run)
        try:
            while not running.done():
                wait([running], timeout=_LOOK)  # some systems wake no endless wait for a signal
            running.result()
        except KeyboardInterrupt:
            watcher.stop()
            running.result()
            return True
    return False
