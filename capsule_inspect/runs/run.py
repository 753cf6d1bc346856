"""A run in a list of runs: its command, status and metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from capsule_inspect.choices import RESUMABLE, RunState
from capsule_inspect.errors import UsageError
from capsule_inspect.text import suggest


@dataclass(frozen=True)
class MetricValue:
    """A metric of a run.

    Attributes:
        name: Name of a metric, or `score` for a search.
        value: The value; finite.
        n: Number of pictures; None if it is not stored.
    """

    name: str
    value: float
    n: int | None = None


@dataclass(frozen=True)
class RunStatus:
    """The status of a run, read from its files.

    Attributes:
        state: Progress of the run; None if its files do not tell.
        note: Progress in numbers, or the damage, as text for people; may be empty.
        measured_on: The pictures the metrics were measured on, as text for people; empty without
            metrics.
        metrics: The metrics so far.
        counts: Counts by name, such as `epochs` or `trials`.
    """

    state: RunState | None
    note: str = ""
    measured_on: str = ""
    metrics: tuple[MetricValue, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run and its status.

    Attributes:
        path: The run folder.
        command: One of `RUN_COMMANDS`; empty if unknown.
        began: Start time, with the time zone.
        name: The folder's name without the time at its start.
        status: The status.
    """

    path: Path
    command: str
    began: datetime
    name: str
    status: RunStatus

    @property
    def can_resume(self) -> bool:
        """Whether the run is unfinished and can be resumed."""
        begun = self.status.state == "unfinished" and bool(self.status.counts)
        return begun and self.command in RESUMABLE

    def value(self, metric: str) -> float | None:
        """Returns the value of a metric; None if the run does not have it."""
        return next((each.value for each in self.status.metrics if each.name == metric), None)


def score(metrics: Mapping[str, float]) -> float:
    """Returns the mean of accuracy and Dice; accuracy alone without true masks.

    Args:
        metrics: Values by metric name, including `accuracy`.
    """
    accuracy = metrics["accuracy"]
    return (accuracy + metrics["dice"]) / 2 if "dice" in metrics else accuracy


MAIN_METRICS = (
    *("accuracy", "defect_only_accuracy", "presence_accuracy"),
    *("dice", "miss_rate", "false_alarm_rate"),
)
"""The metrics in tables of runs."""

_LESS_IS_BETTER = ("miss_rate", "false_alarm_rate")


def sort_runs(runs: Iterable[Run], metric: str) -> list[Run]:
    """Sorts runs by a metric, best first; ties keep their order.

    Args:
        runs: The runs; those without the metric go to the end.
        metric: Name of a metric, or `score` for a search.

    Raises:
        UsageError: The metric is unknown.
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
