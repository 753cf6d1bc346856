"""The loop of a watch: files are found, settle, are inspected, and their rows are written."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.reporter import Reporter
from capsule_inspect.text import printable
from capsule_inspect.watching.afterwards import Afterwards
from capsule_inspect.watching.counts import Counts, State
from capsule_inspect.watching.examine import Examined, Look, examine
from capsule_inspect.watching.ledger import Ledger
from capsule_inspect.watching.listing import WatchedFolder
from capsule_inspect.watching.lookout import Lookout, Seen
from capsule_inspect.watching.options import WatchOptions
from capsule_inspect.watching.output import Done, Output
from capsule_inspect.watching.results import ResultNames
from capsule_inspect.watching.settle import Candidate, Candidates
from capsule_inspect.watching.troubles import Troubles
from capsule_inspect.watching.wake import Wake

_PER_JOB: Final = 2
"""Pictures in work per job: one that waits, so that no job does."""

_LONGEST_NAP: Final = 1.0
"""Seconds after which the loop looks around, whatever comes."""

_BEAT: Final = 0.5
"""Seconds between two looks at how the watch is; with 50,000 files each takes a while."""

_POLL_ONCE: Final = 1.0
"""Seconds between two listings with `once`."""

_MOST_INODES: Final = 200_000
"""Files whose numbers are remembered, to know one by its next name."""

_TOLD_AFTER: Final = 5.0
"""Seconds after which somebody is told of a file that cannot be read."""


@dataclass(frozen=True)
class Tools:
    """What a watcher works with.

    Attributes:
        folder: The watched folder.
        inspector: Judges the pictures, from several threads.
        draws: What to make besides the rows.
        names: The names of results.
        ledger: What has rows.
        afterwards: What becomes of pictures that have rows.
        output: Where pictures go.
        counts: Shows how the watch is.
        troubles: What does not work now.
        reporter: Takes the sentences.
        on_beat: Called at least once a second.
        clock: The time, monotonic: the system's clock may be set back.
    """

    folder: WatchedFolder
    inspector: Inspector
    draws: InspectOptions
    names: ResultNames
    ledger: Ledger
    afterwards: Afterwards
    output: Output
    counts: Counts
    troubles: Troubles
    reporter: Reporter
    on_beat: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic


class Watcher:
    """Watches until it is stopped, or with `once` until all that is there is done.

    All happens in the thread of `run`, but for the inspection of pictures. Whatever fails is said
    and tried again.

    Args:
        tools: What it works with.
        options: The options of the watch.
    """

    def __init__(self, tools: Tools, options: WatchOptions) -> None:
        self._tools, self._options = tools, options
        self._wakes: SimpleQueue[Wake] = SimpleQueue()
        self._candidates = Candidates(
            options.settle, options.give_up, options.poll or 0.0, once=options.once
        )
        poll = options.poll or (_POLL_ONCE if options.once else None)
        post = self._wakes.put
        self._lookout = Lookout(tools.folder, poll, tools.troubles, post, tools.clock)
        self._work: dict[Future[Examined], Candidate] = {}
        self._inodes: dict[tuple[int, int], str] = {}
        self._next_beat = 0.0
        self._is_stopping = False

    def stop(self) -> None:
        """Has `run` end once the pictures in work are done; any thread may call it."""
        self._is_stopping = True
        self._wakes.put(Wake(is_quiet=True))

    def begin(self) -> None:
        """Begins to notice what comes; `run` does the rest, and ends it."""
        self._lookout.open_events()

    def run(self) -> None:
        """Watches."""
        jobs = self._options.jobs
        pool = ThreadPoolExecutor(jobs, "inspect")
        try:
            while not self._is_over():
                self._see_all(self._lookout.look())
                self._begin(pool, jobs * _PER_JOB)
                self._collect()
                self._finish(self._tools.output.write())
                self._tools.afterwards.run()
                self._beat()
                self._nap()
        finally:
            self._lookout.close()
            pool.shutdown(wait=True, cancel_futures=True)
        self._collect()
        self._finish(self._tools.output.write(is_last=True))
        self._tools.afterwards.run(is_last=True)
        self._next_beat = 0.0
        self._beat()

    def _is_over(self) -> bool:
        if self._is_stopping:
            return True
        left = len(self._work) + len(self._tools.output) + len(self._tools.afterwards)
        has_listed = self._options.once and self._lookout.has_listed
        return has_listed and not left and not self._candidates.unfinished

    def _see_all(self, files: Iterable[Seen]) -> None:
        now = self._tools.clock()
        for seen in files:
            self._see(seen, now)

    def _see(self, seen: Seen, now: float) -> None:
        if len(self._inodes) >= _MOST_INODES:
            self._inodes.clear()
        self._inodes[seen.stamp.device, seen.stamp.inode] = seen.path
        waits = self._candidates.get(seen.path) is not None
        known = None if waits else self._tools.ledger.get(seen.path)
        if known is not None and known.is_of(seen.stamp):
            self._tools.output.pass_on(seen.path, seen.stamp, known)
            return
        self._candidates.see(
            seen.path,
            seen.stamp,
            now,
            is_whole=seen.is_whole,
            is_given_up=known is not None and not known.sha256,
        )

    def _begin(self, pool: ThreadPoolExecutor, most: int) -> None:
        """Hands files to the threads; none while much waits to be written."""
        tools, now = self._tools, self._tools.clock()
        room = most - len(self._work)
        if room <= 0 or len(tools.output) >= most:
            return
        for each in self._candidates.take(now, room):
            known = tools.ledger.get(each.path)
            name = tools.names.choose(
                tools.folder.name(each.path), printable(each.path), known.times if known else 0
            )
            if each.missing_since is not None and self._is_renamed(each):
                self._candidates.finish(each)
                continue
            is_last = self._candidates.is_last_try(each, now) and not self._is_away(each)
            digest = known.sha256 if known else None
            look = Look(each.path, name, each.stamp, digest, is_last)
            future = pool.submit(examine, tools.inspector, tools.draws, look)
            self._work[future] = each
            future.add_done_callback(lambda _: self._wakes.put(Wake(is_quiet=True)))

    def _collect(self) -> None:
        """Takes what the threads have done."""
        for future in [each for each in self._work if each.done()]:
            candidate = self._work.pop(future)
            if not future.cancelled():
                self._answer(candidate, future.result(), self._tools.clock())

    def _answer(self, candidate: Candidate, found: Examined, now: float) -> None:
        if found.outcome in {"inspected", "same"}:
            self._tools.output.put(Done(found, candidate.first_seen))
        elif found.outcome == "changed":
            self._candidates.changed(candidate, found.stamp, now)
        elif found.outcome == "missing" and not self._lookout.is_away(candidate.stamp):
            self._candidates.missing(candidate, now)
        else:
            self._tell_of_unreadable(candidate, found, now)
            self._candidates.try_again(candidate, now)

    def _is_away(self, candidate: Candidate) -> bool:
        return candidate.missing_since is not None and self._lookout.is_away(candidate.stamp)

    def _is_renamed(self, candidate: Candidate) -> bool:
        """Tells whether the file has another name by now, under which it gets its rows."""
        stamp = candidate.stamp
        return self._inodes.get((stamp.device, stamp.inode), candidate.path) != candidate.path

    def _tell_of_unreadable(self, candidate: Candidate, found: Examined, now: float) -> None:
        waited = now - candidate.first_seen
        if candidate.is_told or candidate.is_given_up or waited < _TOLD_AFTER or not found.reason:
            return
        candidate.is_told = True
        left = max(0, self._options.give_up - waited)
        self._tools.reporter.warn(
            f"{found.reason} Perhaps it is not complete yet; it is tried again for {left:.0f} s."
        )

    def _finish(self, written: Iterable[Done]) -> None:
        """Forgets files that have their rows."""
        now = self._tools.clock()
        for done in written:
            candidate = self._candidates.get(done.found.look.path)
            if candidate is None:
                continue
            if done.found.inspected is not None and not done.found.sha256:
                self._candidates.give_up(candidate, now)  # it may become readable
            else:
                self._candidates.finish(candidate)
            if candidate.was_seen:
                self._see_all(self._lookout.see(candidate.path, is_whole=True))

    def _beat(self) -> None:
        now = self._tools.clock()
        if now < self._next_beat:
            return
        self._next_beat = now + _BEAT
        oldest = self._candidates.oldest
        self._tools.counts.state = State(
            waiting=self._candidates.unfinished,
            lag=0.0 if oldest is None else now - oldest,
            trouble=self._tools.troubles.current,
            heartbeat=time.monotonic(),
        )
        self._tools.on_beat()

    def _nap(self) -> None:
        """Waits until something is to be done, or comes; takes all that came."""
        now, due = self._tools.clock(), self._candidates.next_due()
        until = min(now + _LONGEST_NAP, self._lookout.next_time)
        is_full = len(self._work) >= self._options.jobs * _PER_JOB or len(self._tools.output)
        if due is not None and not is_full:
            until = min(until, due)
        seconds = max(0.0, until - now)
        try:
            wake = self._wakes.get(timeout=seconds) if seconds else self._wakes.get_nowait()
            while True:
                if not wake.is_quiet:
                    self._see_all(self._lookout.answer(wake))
                wake = self._wakes.get_nowait()
        except Empty:
            return
