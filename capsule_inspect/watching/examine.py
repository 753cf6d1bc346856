"""Read and inspect one file of the watched folder, if it is complete."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from capsule_inspect.errors import PictureError
from capsule_inspect.inference.digests import sha256
from capsule_inspect.inference.inputs import PictureFile
from capsule_inspect.inference.inspect_picture import (
    InspectedPicture,
    InspectOptions,
    inspect_input,
)
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.text import printable
from capsule_inspect.watching.listing import Stamp, stamp_of

Outcome: TypeAlias = Literal["inspected", "same", "unreadable", "changed", "missing"]
"""What came of looking at a file."""

REPLACED: Final = "This file replaced another one of the same name."


@dataclass(frozen=True)
class Look:
    """One look at a file.

    Attributes:
        path: The file.
        name: The name of its results.
        stamp: Its state when it was seen last.
        known: SHA-256 of what has rows under its path already; None if nothing has.
        is_last: Whether what comes of it is final: then an error is a result, too.
    """

    path: str
    name: str
    stamp: Stamp
    known: str | None = None
    is_last: bool = False


@dataclass(frozen=True)
class Examined:
    """What came of a look.

    Attributes:
        look: The look.
        outcome: `inspected` if it has results; `same` if its content has rows already;
            `unreadable` if it is not complete, damaged or closed to this process; `changed` if it
            is being written; `missing` if it is not there.
        stamp: The state in which it was read, or its state now.
        sha256: Of its content; empty if it was not read.
        inspected: Its results; None without.
        reason: Why it cannot be read.
    """

    look: Look
    outcome: Outcome
    stamp: Stamp
    sha256: str = ""
    inspected: InspectedPicture | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Content:
    """What was read of a file, as an input: the bytes, or the reason why there are none."""

    path: str
    name: str
    content: bytes | PictureError

    def read(self, max_pixels: int) -> bytes:
        del max_pixels
        if isinstance(self.content, PictureError):
            raise self.content
        return self.content


def examine(inspector: Inspector, options: InspectOptions, look: Look) -> Examined:
    """Looks at a file; any thread may call it.

    The file is read once, and its state must be the same before and after. So what is inspected is
    never a mixture of two pictures, unless it is the last look.

    Args:
        inspector: Judges the picture.
        options: What to make besides the rows.
        look: The file.
    """
    stamp = _state(look)
    if not look.is_last and stamp != look.stamp:
        return _moved_on(look, stamp)
    content = _read(look, options.max_pixels)
    if not look.is_last and (after := _state(look)) != look.stamp:
        return _moved_on(look, after)
    digest = "" if isinstance(content, PictureError) else sha256(content)
    stamp = stamp or look.stamp
    if look.known is not None and digest == look.known:
        return Examined(look, "same", stamp, digest)
    source = _Content(printable(look.path), look.name, content)
    inspected = inspect_input(inspector, source, options)
    error = inspected.records[0].error
    if error and not look.is_last:
        return Examined(look, "unreadable", stamp, digest, reason=error)
    if look.known:  # not after a row that says that it could not be read
        inspected = _with_warning(inspected, REPLACED)
    return Examined(look, "inspected", stamp, digest, inspected, error)


def _read(look: Look, max_pixels: int) -> bytes | PictureError:
    try:
        return PictureFile(Path(look.path), look.name).read(max_pixels)
    except PictureError as error:
        return error


def _state(look: Look) -> Stamp | None:
    """Returns the state of the file; where the system does not tell, reading says why."""
    try:
        return stamp_of(look.path)
    except OSError:
        return look.stamp


def _moved_on(look: Look, stamp: Stamp | None) -> Examined:
    if stamp is None:
        return Examined(look, "missing", look.stamp)
    return Examined(look, "changed", stamp)


def _with_warning(inspected: InspectedPicture, sentence: str) -> InspectedPicture:
    records = (
        replace(record, warning=f"{record.warning} {sentence}".strip())
        for record in inspected.records
    )
    return replace(inspected, records=tuple(records))
