"""`annotations.jsonl`: the defects of each picture, while a run goes on and after it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from capsule_inspect.inference.annotations.regions import AnnotatedPicture
from capsule_inspect.inference.growing_file import GrowingFile
from capsule_inspect.inference.results_folder import sentences_for


class AnnotationLines:
    """The lines of a run, one for each picture; a run without annotations has none.

    Args:
        file: The file, which need not exist.
        are_wanted: Whether the run makes annotations. If not, nothing is read or written.
    """

    def __init__(self, file: Path, are_wanted: bool) -> None:
        self._file, self._are_wanted = file, are_wanted
        self._ends = [0]

    def recover(self, paths: Sequence[str]) -> int:
        """Finds the lines of an earlier run that can be kept.

        Args:
            paths: The paths of the pictures that this run has finished, in order.

        Returns:
            How many of these pictures have nothing missing, up to the first that has.

        Raises:
            UsageError: The file cannot be read.
        """
        if not self._are_wanted:
            return len(paths)
        with sentences_for(self._file.parent):
            self._ends += _whole_lines(self._file, paths)
        return len(self._ends) - 1

    def read(self, start: int, end: int) -> list[bytes]:
        """Returns lines that were recovered, by their numbers from 0.

        Raises:
            UsageError: The file cannot be read.
        """
        if not self._are_wanted or start >= end:
            return [b""] * (end - start)
        with sentences_for(self._file.parent), self._file.open("rb") as lines:
            lines.seek(self._ends[start])
            return lines.read(self._ends[end] - self._ends[start]).splitlines(keepends=True)

    @contextmanager
    def open(self, keep: int) -> Iterator[Callable[[bytes], None]]:
        """Opens the file to append lines.

        Args:
            keep: How many of the recovered lines to keep.

        Yields:
            What appends a line.

        Raises:
            UsageError: The file cannot be written.
        """
        if not self._are_wanted:
            yield lambda _: None
            return
        with GrowingFile(self._file, b"", self._ends[keep]) as file:
            yield file.append


def _whole_lines(file: Path, paths: Sequence[str]) -> list[int]:
    """Returns where each line ends, up to the first that is cut, edited or of another picture."""
    ends: list[int] = []
    if not file.exists():
        return ends
    end = 0
    with file.open("rb") as lines, suppress(ValueError):
        for line, path in zip(lines, paths, strict=False):
            picture = AnnotatedPicture.from_line(line)
            if picture.path != path or picture.to_line() != line:
                break
            end += len(line)
            ends.append(end)
    return ends


def read_pictures(file: Path) -> Iterator[AnnotatedPicture]:
    """Yields the pictures of a finished run.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is damaged.
    """
    with file.open("rb") as lines:
        yield from map(AnnotatedPicture.from_line, lines)
