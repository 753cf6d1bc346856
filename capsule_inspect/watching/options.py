"""The options of a watch, and the rules on what can be asked for together."""

import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from capsule_inspect.checks import require_choice
from capsule_inspect.choices import AfterRows
from capsule_inspect.errors import UsageError

DEFAULT_SETTLE: Final = 0.2
DEFAULT_GIVE_UP: Final = 3600.0
DEFAULT_THEN: Final[AfterRows] = "keep"

DAILY: Final = "daily"

Rotation: TypeAlias = int | Literal["daily"]
"""When another results folder begins: each day, or after so many bytes of rows."""


@dataclass(frozen=True)
class WatchOptions:
    """The options of a watch.

    Attributes:
        recursive: Whether to look into subfolders.
        poll: Seconds from one listing to the next; None to be woken by the system where it can.
        settle: Seconds for which size and time of a file must stay the same.
        give_up: Seconds after which a file that cannot be read gets a row with an error.
        once: Whether to end when all that is there is done.
        then: What becomes of a picture once its rows are on the disk.
        to: Where pictures are moved to; None unless they are moved.
        on_defect: A command to run for each defect, as words; empty for none.
        webhook: An address that is sent the rows of each picture; empty for none.
        keep_overlays: Days after which overlays and masks are removed; None for never.
        max_disk: The most bytes of overlays and masks; None for no bound.
        rotate: When another results folder begins; None for never.
        port: The port on which the watch tells how it is; None for none, 0 for a free one.
        jobs: Pictures to inspect at a time.
    """

    recursive: bool = False
    poll: float | None = None
    settle: float = DEFAULT_SETTLE
    give_up: float = DEFAULT_GIVE_UP
    once: bool = False
    then: AfterRows = DEFAULT_THEN
    to: Path | None = None
    on_defect: tuple[str, ...] = ()
    webhook: str = ""
    keep_overlays: float | None = None
    max_disk: int | None = None
    rotate: Rotation | None = None
    port: int | None = None
    jobs: int = 1

    def __post_init__(self) -> None:
        """Raises UsageError if an option is out of range, or two contradict each other."""
        require_choice("then", self.then, get_args(AfterRows), UsageError)
        bounds: tuple[tuple[str, float | None, float, float], ...] = (
            ("poll", self.poll, 0.01, 86400),
            ("settle", self.settle, 0, 3600),
            ("give_up", self.give_up, 0, 1e7),
            ("keep_overlays", self.keep_overlays, 0, 1e5),
            ("max_disk", self.max_disk, 0, 1e18),
            ("rotate", None if self.rotate == DAILY else self.rotate, 1, 1e18),
            ("port", self.port, 0, 65535),
            ("jobs", self.jobs, 1, 1024),
        )
        for name, value, low, high in bounds:
            if value is not None and not low <= value <= high:
                raise UsageError(f"{name} is {value:g}, but must lie between {low:g} and {high:g}.")
        if (self.then == "move") != (self.to is not None):
            raise UsageError("--then move and --to DIR belong together. Give both or neither.")
        if self.rotate is not None and (self.keep_overlays, self.max_disk) != (None, None):
            raise UsageError(
                "--rotate goes with neither --keep-overlays nor --max-disk: delete results folders "
                "that are finished as a whole."
            )
        if self.webhook:
            _require_address(self.webhook)


def _require_address(webhook: str) -> None:
    try:
        parts = urlsplit(webhook)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(
            "The webhook must be an address that begins with http:// or https://, such as "
            "https://example.com/capsules."
        )


def split_command(command: str) -> tuple[str, ...]:
    """Splits a command into words as a shell does; no shell ever sees it.

    Raises:
        UsageError: A quote is open, or there is no word.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"The command `{command}` cannot be read: {error}.") from None
    if not words:
        raise UsageError("The command of --on-defect is empty.")
    return words


_SIZE: Final = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>[kMGT]?)B?", re.IGNORECASE)
_FACTORS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_size(text: str) -> int:
    """Returns the number of bytes that a text such as `500MB` or `20G` says.

    Raises:
        UsageError: It says none.

    Example:
        >>> parse_size("1.5GB")
        1500000000
    """
    found = _SIZE.fullmatch(text.strip())
    size = float(found["number"]) * _FACTORS[found["unit"].casefold()] if found else math.inf
    if not math.isfinite(size):
        raise UsageError(f"'{text}' is no size. Write one such as 500MB or 20GB.")
    return round(size)


def parse_rotation(text: str) -> Rotation:
    """Returns when another results folder begins: `daily`, or the bytes in a text such as `5MB`.

    Raises:
        UsageError: It says neither.
    """
    if text.strip().casefold() == DAILY:
        return DAILY
    try:
        size = parse_size(text)
    except UsageError:
        size = 0
    if size < 1:
        raise UsageError(f"--rotate is '{text}'. Write daily, or a size of rows such as 5MB.")
    return size
