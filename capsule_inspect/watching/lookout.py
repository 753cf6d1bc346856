"""The lookout: finds files in a folder that may come and go, by listings and events."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from capsule_inspect.text import printable
from capsule_inspect.watching.events import has_events, open_events
from capsule_inspect.watching.listing import Stamp, WatchedFolder, stamp_of
from capsule_inspect.watching.troubles import Troubles
from capsule_inspect.watching.wake import Events, Post, Wake, is_on_network

_POLL: Final = 1.0
"""Seconds between two listings where there are no events."""

_RELIST: Final = 30.0
"""Seconds between two listings beside events, in case that some were lost."""

_LIST_SHARE: Final = 20
"""A listing takes at most one part in so many of the time."""

_REST: Final = 3
"""A listing that an event asks for waits so many times as long as the last one took."""

_LOOK: Final = 1.0
"""Seconds between two looks whether the folder is there."""


@dataclass(frozen=True)
class Seen:
    """A file that was seen.

    Attributes:
        path: The file.
        stamp: Its state.
        is_whole: Whether its writer has closed it, or renamed it into place.
    """

    path: str
    stamp: Stamp
    is_whole: bool = False


class Lookout:
    """Finds files in the watched folder.

    Args:
        folder: The folder.
        poll: Seconds between two listings; None to take events where there are some.
        troubles: Takes what cannot be listed.
        post: Takes wakes of the system, from another thread.
        clock: The time, monotonic.

    Attributes:
        has_listed: Whether the folder was listed at least once.
    """

    def __init__(
        self,
        folder: WatchedFolder,
        poll: float | None,
        troubles: Troubles,
        post: Post,
        clock: Callable[[], float],
    ) -> None:
        self._folder, self._poll, self._post = folder, poll, post
        self._troubles, self._clock = troubles, clock
        self._events: Events | None = None
        self._identity: tuple[int, int] | None = None
        self._closed: set[str] = set()
        self._next_listing = self._next_look = self._soon = 0.0
        self._can_have_events = has_events() and not poll and not is_on_network(folder.path)
        self.has_listed = False

    @property
    def next_time(self) -> float:
        """When it wants to look again."""
        return min(self._next_listing, self._next_look)

    def open_events(self) -> None:
        """Begins the events, where there can be some and none are open."""
        if self._events is not None or not self._can_have_events:
            return
        try:
            self._events = open_events(self._folder.path, self._folder.recursive, self._post)
        except OSError as error:
            if self._folder.identity() is not None:
                self._troubles.tell(
                    "events",
                    f"The system gives no events for '{self._folder.path}': {error.strerror}. It "
                    f"is listed every {_POLL:g} s instead.",
                )
        else:
            self._troubles.mend("events")

    def look(self) -> Iterator[Seen]:
        """Yields all files if it is time for a listing."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            if self._identity is not None and self._folder.identity() != self._identity:
                self._next_listing = now
        if now >= self._next_listing:
            self.open_events()  # first, so that nothing comes between listing and events
            yield from self._list(now)

    def answer(self, wake: Wake) -> Iterator[Seen]:
        """Yields the file that a wake names, if it is one that counts."""
        if wake.is_end:
            self.close()
            self._next_listing = self._soon
        elif not wake.path:
            self._next_listing = min(self._next_listing, self._soon)
        elif self._folder.wants(wake.path):
            yield from self.see(wake.path, wake.is_whole)

    @staticmethod
    def see(path: str, is_whole: bool = False) -> Iterator[Seen]:
        """Yields a file with its state, if it is there."""
        try:
            stamp = stamp_of(path)
        except OSError:
            return  # the next listing tells
        if stamp is not None:
            yield Seen(path, stamp, is_whole)

    def is_away(self, stamp: Stamp) -> bool:
        """Tells whether the whole file system of a file is not there, and not the file alone."""
        here = self._folder.identity()
        return here is None or stamp.device not in {0, here[0]}

    def close(self) -> None:
        """Ends the events."""
        events, self._events = self._events, None
        if events is not None:
            events.close()

    def _list(self, now: float) -> Iterator[Seen]:
        path = self._folder.path
        try:
            listing = self._folder.list()
        except OSError as error:
            reason = error.strerror or error
            self._troubles.tell("folder", f"The folder '{path}' cannot be listed: {reason}.")
            self._identity = None
            self.close()
            self._next_listing = now + (self._poll or _POLL)
            return
        self._troubles.mend("folder", f"The folder '{path}' can be listed again.")
        if self._identity is not None and self._identity != listing.identity:
            self._troubles.warn(
                f"'{path}' is another folder than before: it was made anew, mounted or unmounted."
            )
            self.close()  # the events are of the folder before
            self.open_events()
        self._identity = listing.identity
        self._tell_of_closed(listing.closed)
        for file, stamp in listing.files.items():
            yield Seen(file, stamp)
        self.has_listed = True
        end = self._clock()
        self._soon = end + _REST * (end - now)
        pause = self._poll or (_POLL if self._events is None else _RELIST)
        self._next_listing = end + max(pause, (end - now) * _LIST_SHARE)

    def _tell_of_closed(self, closed: Mapping[str, str]) -> None:
        for place, reason in closed.items():
            sentence = f"The folder '{printable(place)}' cannot be listed: {reason}."
            self._troubles.tell(place, sentence)
        for place in self._closed - closed.keys():
            self._troubles.mend(place, f"The folder '{printable(place)}' can be listed again.")
        self._closed = set(closed)
