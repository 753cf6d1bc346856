"""Reading pictures elsewhere before their turn: the network takes its time, cores need not wait."""

import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from capsule_inspect.inference.inputs import InputPicture, is_elsewhere

READERS: Final = 16
"""Pictures that are on their way at a time."""

MOST_BYTES: Final = 64 << 20
"""What pictures that wait for their turn may take in memory."""

_WAITING: Final = 4
"""Pictures to hold for each reader: while one is tried again, others go on behind it."""

_FIRST_GUESS: Final = 4 << 20
"""The length of a file whose length is not known, until one was read."""


class _Budget:
    """Counts the bytes of pictures that are read, or about to be, and not yet taken."""

    def __init__(self, most: int) -> None:
        self._most, self._held, self._longest = most, 0, 0
        self._lock = threading.Lock()

    def reserve(self, length: int | None, even_if_full: bool) -> int | None:
        """Reserves bytes; returns how many, or None if there is no room."""
        with self._lock:
            wanted = (self._longest or _FIRST_GUESS) if length is None else length
            if self._held + wanted > self._most and not even_if_full:
                return None
            self._held += wanted
            return wanted

    def correct(self, reserved: int, length: int) -> None:
        """Replaces what was reserved by the length that was read."""
        with self._lock:
            self._held += length - reserved
            self._longest = max(self._longest, length)

    def release(self, length: int) -> None:
        with self._lock:
            self._held -= length


@dataclass(frozen=True)
class _Ahead:
    """A picture that is being read by another thread."""

    picture: InputPicture
    budget: _Budget = field(repr=False)
    reserved: int
    content: Future[bytes] = field(repr=False)

    @property
    def path(self) -> str:
        return self.picture.path

    @property
    def name(self) -> str:
        return self.picture.name

    def read(self, max_pixels: int) -> bytes:
        """Waits for the content; whoever called `read_ahead` gave the number of pixels."""
        del max_pixels
        data = self.content.result()
        self.budget.release(len(data))
        return data


def read_ahead(
    pictures: Iterable[InputPicture],
    max_pixels: int,
    readers: int = READERS,
    most_bytes: int = MOST_BYTES,
) -> Generator[InputPicture, None, None]:
    """Yields the same pictures in order, those elsewhere as ones that are on their way.

    What is read and waits for its turn takes little more than `most_bytes`: the next picture is
    always read, however long it is. Pictures on a disk are yielded as they are. Close the generator
    when no more are needed; reads that have begun are finished.

    Args:
        pictures: Taken one by one, as there is room.
        max_pixels: What `InputPicture.read` takes.
        readers: How many to read at a time.
        most_bytes: What pictures that wait may take in memory.

    Yields:
        Each picture. Its `read` waits, and returns or raises what that of the picture does.
    """
    left = iter(pictures)
    budget = _Budget(most_bytes)
    waiting: deque[InputPicture] = deque()
    pool = ThreadPoolExecutor(readers, "read")
    following = next(left, None)
    try:
        while waiting or following is not None:
            while following is not None and len(waiting) < readers * _WAITING:
                begun = following
                if is_elsewhere(following):
                    ahead = _begin(pool, budget, following, max_pixels, not waiting)
                    if ahead is None:
                        break
                    begun = ahead
                waiting.append(begun)
                following = next(left, None)
            yield waiting.popleft()
    except BaseException:  # whoever takes the pictures has stopped
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown(wait=False)  # those that were yielded may still have to begin


def _begin(
    pool: ThreadPoolExecutor,
    budget: _Budget,
    picture: InputPicture,
    max_pixels: int,
    even_if_full: bool,
) -> _Ahead | None:
    """Begins to read a picture, unless there is no room for it."""
    reserved = budget.reserve(getattr(picture, "size", None), even_if_full)
    if reserved is None:
        return None

    def read() -> bytes:
        length = 0
        try:
            data = picture.read(max_pixels)
            length = len(data)
            return data
        finally:
            budget.correct(reserved, length)

    return _Ahead(picture, budget, reserved, pool.submit(read))
