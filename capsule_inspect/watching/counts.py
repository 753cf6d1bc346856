"""The counts of a watch, which its status line, its health and its metrics show."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from capsule_inspect.choices import GOOD
from capsule_inspect.inference.records import Record
from capsule_inspect.text import counted

_PREFIX: Final = "capsule_inspect_watch"

_SECONDS: Final = (0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


@dataclass(frozen=True)
class State:
    """How a watch is at one moment.

    Attributes:
        waiting: Files that have no rows yet.
        lag: Seconds since the one that waits longest was seen first; 0 if none waits.
        trouble: A sentence on why the folder or the results cannot be used now; empty if they can.
        heartbeat: When this was noted, by a monotonic clock.
    """

    waiting: int = 0
    lag: float = 0.0
    trouble: str = ""
    heartbeat: float = 0.0


@dataclass
class Counts:
    """What a watch has done since it was started; any thread may read it.

    Attributes:
        rows: Rows by status and label.
        pictures: Pictures that got rows.
        replaced: Pictures among them that replaced another one of their name.
        defective: Pictures with a defect or without a capsule.
        failed: Pictures that could not be read.
        seconds: How many pictures took at most so many seconds, from seen first to rows on disk.
        total_seconds: Those seconds of all pictures together.
        state: How it is now.
    """

    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    pictures: int = 0
    replaced: int = 0
    defective: int = 0
    failed: int = 0
    seconds: Counter[float] = field(default_factory=Counter)
    total_seconds: float = 0.0
    state: State = State()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, records: Sequence[Record], seconds: float, is_replacement: bool) -> None:
        """Counts a picture whose rows are on the disk.

        Args:
            records: Its rows.
            seconds: How long it took since it was seen first.
            is_replacement: Whether it replaced another one of its name.
        """
        with self._lock:
            self.pictures += 1
            self.replaced += is_replacement
            self.failed += records[0].status == "error"
            self.defective += any(is_alarm(each) for each in records)
            self.rows.update((each.status, each.label) for each in records)
            self.seconds.update(limit for limit in _SECONDS if seconds <= limit)
            self.total_seconds += seconds

    def describe(self) -> str:
        """Returns the status line, such as `12 pictures, 2 defective, 0 unreadable; 3 wait`."""
        text = (
            f"{counted(self.pictures, 'picture')}, {self.defective} defective, "
            f"{self.failed} unreadable; {self.state.waiting} waiting"
        )
        return f"{text}. {self.state.trouble}" if self.state.trouble else text

    def to_metrics(self) -> str:
        """Returns all counts in Prometheus's text format."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _head("rows_total", "counter", "Rows by status and label.")
        for (status, label), count in sorted(self.rows.items()):
            labels = f'status="{_escape(status)}",label="{_escape(label)}"'
            yield f"{_PREFIX}_rows_total{{{labels}}} {count}"
        for name, sentence, value in (
            ("pictures_total", "Pictures that got rows.", self.pictures),
            ("replaced_total", "Pictures that replaced one of their name.", self.replaced),
            ("unreadable_total", "Pictures that could not be read.", self.failed),
        ):
            yield from _head(name, "counter", sentence)
            yield f"{_PREFIX}_{name} {value}"
        for name, sentence, number in (
            ("waiting", "Files that have no rows yet.", float(self.state.waiting)),
            ("lag_seconds", "Seconds that the oldest of them waits.", self.state.lag),
            ("in_trouble", "1 while folder or results cannot be used.", bool(self.state.trouble)),
        ):
            yield from _head(name, "gauge", sentence)
            yield f"{_PREFIX}_{name} {float(number):g}"
        yield from _head("seconds", "histogram", "Seconds from seen first to rows on the disk.")
        for limit in _SECONDS:
            yield f'{_PREFIX}_seconds_bucket{{le="{limit:g}"}} {self.seconds[limit]}'
        yield f'{_PREFIX}_seconds_bucket{{le="+Inf"}} {self.pictures}'
        yield f"{_PREFIX}_seconds_sum {self.total_seconds:.6f}"
        yield f"{_PREFIX}_seconds_count {self.pictures}"


def is_alarm(record: Record) -> bool:
    """Tells whether a row is one of a defect; a picture without a capsule counts as one."""
    return record.status == "no_capsule" or (record.status == "ok" and record.label != GOOD)


def _head(name: str, kind: str, sentence: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}_{name} {sentence}"
    yield f"# TYPE {_PREFIX}_{name} {kind}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
