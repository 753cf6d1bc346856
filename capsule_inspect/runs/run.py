"""A run in a list: its command, its state and its score."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from capsule_inspect.errors import UsageError
from capsule_inspect.text import suggest

State: TypeAlias = Literal["finished", "unfinished", "damaged"]

Command: TypeAlias = Literal["train", "tune", "evaluate", "predict"]
"""The commands that leave runs."""

COMMANDS: tuple[Command, ...] = get_args(Command)


@dataclass(frozen=True)
class MetricValue:
    """A metric that a run came to.

    Attributes:
        name: A metric's name, or `score` of a search.
        value: The value; finite.
        n: On how many pictures it was measured; None where that is not stored.
    """

    name: str
    value: float
    n: int | None = None


@dataclass(frozen=True)
class RunStatus:
    """What the files of a run say.

    Attributes:
        state: How far it came; None where its files do not tell.
        note: How far in numbers, or what is damaged, for people; may be empty.
        measured_on: What the metrics were measured on, for people; empty without any.
        metrics: What was measured.
        counts: How many of what there are, such as `epochs` or `trials`.
    """

    state: State | None
    note: str = ""
    measured_on: str = ""
    metrics: tuple[MetricValue, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        path: Its folder.
        command: One of `COMMANDS`; empty where that cannot be told any more.
        began: When it began, with the time zone.
        name: What it is about; the folder's name where that does not begin with a time.
        status: What its files say.
    """

    path: Path
    command: str
    began: datetime
    name: str
    status: RunStatus

    @property
    def can_resume(self) -> bool:
        """Whether it was stopped and can be gone on with."""
        begun = self.status.state == "unfinished" and bool(self.status.counts)
        return begun and self.command in ("train", "tune")

    def value(self, metric: str) -> float | None:
        """Returns a metric by name; None if the run has none of that name."""
        return next((each.value for each in self.status.metrics if each.name == metric), None)


def score(metrics: Mapping[str, float]) -> float:
    """Returns the mean of accuracy and Dice; accuracy alone where there are no true masks.

    Args:
        metrics: Values by metric name, `accuracy` among them.
    """
    accuracy = metrics["accuracy"]
    return (accuracy + metrics["dice"]) / 2 if "dice" in metrics else accuracy


MAIN_METRICS = (
    *("accuracy", "defect_only_accuracy", "presence_accuracy"),
    *("dice", "miss_rate", "false_alarm_rate"),
)
"""Those that are shown."""

_LESS_IS_BETTER = ("miss_rate", "false_alarm_rate")


def sort_runs(runs: Iterable[Run], metric: str) -> list[Run]:
    """Returns runs with the best first, those without the metric last; equals keep their order.

    Args:
        runs: The runs.
        metric: Name of a metric, or `score` of a search.

    Raises:
        UsageError: There is no such metric.
    """
    runs = list(runs)
    found = {metric.name for run in runs for metric in run.status.metrics}
    known = [*MAIN_METRICS, *sorted({*found, "score"} - set(MAIN_METRICS))]
    if metric not in known:
        raise UsageError(
            f"Runs cannot be sorted by '{metric}'.{suggest(metric, known)} "
            f"Known: {', '.join(known)}."
        )
    sign = 1 if metric in _LESS_IS_BETTER else -1

    def rank(run: Run) -> tuple[bool, float]:
        value = run.value(metric)
        return value is None, 0.0 if value is None else sign * value

    return sorted(runs, key=rank)
