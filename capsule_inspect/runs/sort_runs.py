"""Sorting runs by how good they are."""

from collections.abc import Iterable

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.run import Run
from capsule_inspect.suggest import suggest

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
