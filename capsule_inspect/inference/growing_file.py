"""A file that grows line by line; on the disk, all but its last line is always whole."""

import os
from pathlib import Path
from types import TracebackType

from capsule_inspect.inference.results_folder import sentences_for


class GrowingFile:
    """Appends to a file of a results folder, which can be read at any time.

    Args:
        path: The file.
        header: What a new file begins with.
        keep: How many bytes of an existing file to keep; 0 replaces the file.

    Raises:
        UsageError: The file cannot be written; also raised by `append` and at the end.
    """

    def __init__(self, path: Path, header: bytes, keep: int = 0) -> None:
        self._folder = path.parent
        with sentences_for(self._folder):
            if not keep:
                path.unlink(missing_ok=True)
            # Unbuffered: what is appended at a time is one write.
            self._file = path.open("r+b" if keep else "xb", buffering=0)
            if keep:
                self._file.truncate(keep)
                self._file.seek(keep)
            else:
                self._write(header)

    def __enter__(self) -> "GrowingFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with sentences_for(self._folder), self._file:
            if error is None:  # or its sentence would be lost behind another
                os.fsync(self._file.fileno())

    def append(self, data: bytes) -> None:
        """Appends whole lines.

        Raises:
            UsageError: The file cannot be written.
        """
        with sentences_for(self._folder):
            self._write(data)

    def sync(self) -> None:
        """Waits until all that was appended is on the disk, whatever happens to the power.

        Raises:
            UsageError: The file cannot be written.
        """
        with sentences_for(self._folder):
            os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:  # an unbuffered file may take less than it is given
            left = left[self._file.write(left) :]
