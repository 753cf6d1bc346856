"""When a file is complete: it keeps still for a while, and then decodes to its end."""

import heapq
from dataclasses import dataclass
from typing import Final

from capsule_inspect.watching.listing import Stamp

_LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries to read a file that cannot be read."""

_FIRST_PAUSE: Final = 0.2

TRIES_ONCE: Final = 4
"""How often `--once` tries to read a file, over one and a half seconds."""

_GRACE: Final = 2.0
"""Seconds that a file must be missing to count as gone: shares lose files for moments."""


@dataclass
class Candidate:
    """A file that has no rows yet in its present state. All times are of a monotonic clock.

    Attributes:
        path: The file.
        stamp: Its state when it was last looked at.
        due: When to read it.
        first_seen: When it was seen first.
        tries: How often it could not be read in this state.
        missing_since: Since when it is not there; None while it is.
        is_in_work: Whether it is being read.
        was_seen: Whether it was looked at again while it was read.
        is_told: Whether somebody was told that it cannot be read.
        is_given_up: Whether it has a row with an error already.
    """

    path: str
    stamp: Stamp
    due: float
    first_seen: float
    tries: int = 0
    missing_since: float | None = None
    is_in_work: bool = False
    was_seen: bool = False
    is_told: bool = False
    is_given_up: bool = False


class Candidates:
    """The files that wait to be complete, the next one first.

    Each call costs at most the logarithm of their number, so 50,000 at once do no harm.

    Args:
        settle: Seconds for which a file must keep still.
        give_up: Seconds after which a file that cannot be read is given up.
        poll: Seconds between two listings; a file that has another name now is found within them.
        once: Whether to give up after a few tries.
    """

    def __init__(
        self, settle: float, give_up: float, poll: float = 0.0, *, once: bool = False
    ) -> None:
        self._settle, self._give_up, self._once = settle, give_up, once
        self._grace = max(_GRACE, 2 * poll)
        self._by_path: dict[str, Candidate] = {}
        self._heap: list[tuple[float, int, str]] = []

    def __len__(self) -> int:
        return len(self._by_path)

    def get(self, path: str) -> Candidate | None:
        """Returns a file that waits; None if it does not."""
        return self._by_path.get(path)

    @property
    def unfinished(self) -> int:
        """How many have no row of any kind yet, or were not tried yet."""
        return sum(not (each.is_given_up and each.tries) for each in self._by_path.values())

    @property
    def oldest(self) -> float | None:
        """When the one that waits longest was seen first; None if none waits."""
        seen = (each.first_seen for each in self._by_path.values() if not each.is_given_up)
        return min(seen, default=None)

    def see(
        self,
        path: str,
        stamp: Stamp,
        now: float,
        *,
        is_whole: bool = False,
        is_given_up: bool = False,
    ) -> None:
        """Notes the state of a file.

        Args:
            path: The file.
            stamp: Its state now.
            now: The time.
            is_whole: Whether its writer has closed it, or renamed it into place: it need not wait.
            is_given_up: Whether it has a row with an error, of this state or an earlier one.
        """
        due = now if is_whole else now + self._settle
        known = self._by_path.get(path)
        if known is None:
            known = Candidate(path, stamp, due, first_seen=now, is_given_up=is_given_up)
            self._by_path[path] = known
            self._push(known)
            return
        known.missing_since = None
        if known.is_in_work:
            known.was_seen = True
        elif known.stamp != stamp or is_whole:
            if known.stamp != stamp:
                _begin_again(known, stamp, now)
            known.due = due
            self._push(known)

    def take(self, now: float, most: int) -> list[Candidate]:
        """Takes out those to read now; the ones written first come first."""
        taken: list[Candidate] = []
        while self._heap and len(taken) < most and self._heap[0][0] <= now:
            _, _, path = heapq.heappop(self._heap)
            known = self._by_path.get(path)
            if known is None or known.is_in_work or known.due > now:
                continue  # an entry of an earlier state; the present one has its own
            known.is_in_work, known.was_seen = True, False
            taken.append(known)
        return taken

    def next_due(self) -> float | None:
        """Returns when the next one is to be read; None if none waits."""
        return self._heap[0][0] if self._heap else None

    def is_last_try(self, known: Candidate, now: float) -> bool:
        """Tells whether what comes of reading it now is final, be it an error."""
        if known.is_given_up:
            return False
        if known.missing_since is not None:
            return now - known.missing_since >= self._grace
        tried = known.tries >= TRIES_ONCE - 1 if self._once else False
        return tried or now - known.first_seen >= self._give_up

    def try_again(self, known: Candidate, now: float) -> None:
        """Puts back a file that cannot be read yet; each time it waits twice as long."""
        known.tries += 1
        pause = max(self._settle, _FIRST_PAUSE) * 2 ** min(known.tries - 1, 20)
        left = known.first_seen + self._give_up - now
        if not known.is_given_up and left > 0:
            pause = min(pause, left)  # its row comes when it was announced for
        self._put_back(known, now + min(pause, _LONGEST_PAUSE))

    def changed(self, known: Candidate, stamp: Stamp, now: float) -> None:
        """Puts back a file whose state changed while it was read."""
        _begin_again(known, stamp, now)
        self._put_back(known, now + self._settle)

    def missing(self, known: Candidate, now: float) -> None:
        """Puts back a file that is not there now."""
        if known.missing_since is None:
            known.missing_since = now
        if known.is_given_up:
            self.finish(known)
            return
        self._put_back(known, max(known.missing_since + self._grace, now + _FIRST_PAUSE))

    def give_up(self, known: Candidate, now: float) -> None:
        """Keeps a file that has a row with an error, since it may become readable."""
        known.is_given_up = True
        self.try_again(known, now)

    def finish(self, known: Candidate) -> None:
        """Forgets a file that has its rows."""
        known.is_in_work = False
        self._by_path.pop(known.path, None)

    def _put_back(self, known: Candidate, due: float) -> None:
        known.is_in_work = False
        known.due = due
        self._push(known)

    def _push(self, known: Candidate) -> None:
        heapq.heappush(self._heap, (known.due, known.stamp.mtime_ns, known.path))


def _begin_again(known: Candidate, stamp: Stamp, now: float) -> None:
    """Notes another state. A file that was given up has another chance."""
    known.stamp, known.tries, known.missing_since = stamp, 0, None
    if known.is_given_up:
        known.is_given_up, known.is_told, known.first_seen = False, False, now
