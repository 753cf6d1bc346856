"""A cache of encoder features on disk, so that a frozen encoder sees each view once."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import ConfigError
from capsule_inspect.files import write_bytes
from capsule_inspect.training.batches import Example, shrink_mask
from capsule_inspect.training.encode import EncoderRunner
from capsule_inspect.training.views import ViewKey, ViewMaker

_VERSION: Final = 4
"""Part of every folder's name; raised when views look different or files have another format."""

_SUFFIX: Final = ".features"
_LARGEST: Final = float(np.finfo(np.float16).max)
"""No encoder that learned from pictures comes near this; others shall not end in infinity."""


class FeatureCache:
    """Stores the features and the mask of views, a file each, and makes what is missing.

    What a run learns does not depend on which views are stored: features are rounded to float16
    either way. Files appear whole or not at all, so a killed run leaves nothing to repair, and
    several runs can share a folder.

    Args:
        folder: The folder of all caches; it is created when it is filled.
        made_from: Text on all that a view and its features depend on beside the key and the shapes.
        make: Makes views.
        encode: Computes features.
        mask_shape: Height and width of a stored mask.
        most_bytes: Most bytes that the folder may hold. What is beyond is made again at each use.
    """

    def __init__(
        self,
        folder: Path,
        made_from: str,
        make: ViewMaker,
        encode: EncoderRunner,
        mask_shape: tuple[int, int],
        most_bytes: int,
    ) -> None:
        name = hashlib.sha256(f"{_VERSION} {encode.shapes} {made_from}".encode()).hexdigest()[:16]
        self._root, self._folder = folder, folder / name
        self._make, self._encode, self._mask_shape = make, encode, mask_shape
        self._most_bytes = most_bytes

    def fill(
        self, keys: Sequence[ViewKey], jobs: int, advance: Callable[[], None] = lambda: None
    ) -> None:
        """Makes the views that are missing, as far as the folder may hold them.

        Views of other runs are deleted if there is no room, the oldest first.

        Args:
            keys: Different views. Those of one picture should follow each other.
            jobs: Number of threads.
            advance: Called after each view.

        Raises:
            ConfigError: The folder cannot be written.
            PictureError: A picture or mask cannot be read.
        """
        keys = keys[: self.room]
        if not keys:
            return
        with self._sentence_of_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room({self._path(key) for key in keys})

        def work(key: ViewKey) -> None:
            path = self._path(key)
            if self._is_stored(path):
                with suppress(OSError):  # another run has deleted it, or another user owns it
                    os.utime(path)  # those used last are deleted last
            else:
                self._store(path, self._encoded(key))
            advance()

        with ThreadPoolExecutor(jobs) as pool:
            try:
                for _ in pool.map(work, keys):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    @property
    def room(self) -> int:
        """The most views that the folder may hold."""
        return self._most_bytes // self._view_bytes

    def _store(self, path: Path, data: bytes) -> None:
        with self._sentence_of_errors(), suppress(FileNotFoundError):
            write_bytes(path, data)  # another run may have deleted the folder to make room

    @contextmanager
    def _sentence_of_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"The features cannot be stored in '{self._root}' ({error.strerror or error}). Set "
                "train.cache to a folder that can be written and has room, or train.cache_gb to "
                "less; with 0, nothing is stored."
            ) from error

    def read(self, key: ViewKey) -> Example:
        """Returns the features and the mask of a view.

        A stored file is mapped into memory for as long as the arrays are in use.
        """
        data = self._load(key)
        levels, start = [], 0
        for shape in self._encode.shapes:
            end = start + 2 * int(np.prod(shape))
            levels.append(data[start:end].view(np.float16).reshape(shape))
            start = end
        rest = data[start:]
        mask = rest.reshape(self._mask_shape) if rest.size else None
        return Example(tuple(levels), mask, key.label)

    def _load(self, key: ViewKey) -> NDArray[np.uint8]:
        path = self._path(key)
        with suppress(FileNotFoundError):  # another run has deleted it
            if self._is_stored(path):
                return np.memmap(path, np.uint8, "r")
        return np.frombuffer(self._encoded(key), np.uint8)

    def _is_stored(self, path: Path) -> bool:
        """Returns whether a view is stored whole; a power failure can cut a file."""
        found = _stat(path)
        return found is not None and found.st_size in (self._feature_bytes, self._view_bytes)

    @property
    def _feature_bytes(self) -> int:
        return sum(2 * int(np.prod(shape)) for shape in self._encode.shapes)

    @property
    def _view_bytes(self) -> int:
        return self._feature_bytes + int(np.prod(self._mask_shape))

    def _path(self, key: ViewKey) -> Path:
        return self._folder / f"{key.digest}{_SUFFIX}"

    def _encoded(self, key: ViewKey) -> bytes:
        view = self._make(key)
        levels = (np.clip(level, -_LARGEST, _LARGEST) for level in self._encode(view.image))
        parts = [level.astype(np.float16).tobytes() for level in levels]
        if view.mask is not None:
            parts.append(shrink_mask(view.mask, self._mask_shape).tobytes())
        return b"".join(parts)

    def _make_room(self, needed: set[Path]) -> None:
        others = [path for path in self._root.glob(f"*/*{_SUFFIX}") if path not in needed]
        stats = [(stat, path) for path in others if (stat := _stat(path))]
        held = sum(stat.st_size for stat, _ in stats) + len(needed) * self._view_bytes
        for stat, path in sorted(stats, key=lambda pair: pair[0].st_mtime):
            if held <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            held -= stat.st_size


def _stat(path: Path) -> os.stat_result | None:
    """Returns the state of a file; None if it is gone, perhaps by another run."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
