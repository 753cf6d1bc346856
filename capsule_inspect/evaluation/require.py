"""The conditions of `evaluate --require`, such as `accuracy>=.95`."""

import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from capsule_inspect.errors import ConditionNotMetError, UsageError
from capsule_inspect.evaluation.metrics import METRICS
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.text import suggest

_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_FORM = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\d+\.?\d*|\.\d+)\s*", re.ASCII)


@dataclass(frozen=True)
class Condition:
    """A bound on a metric.

    Attributes:
        text: The condition as the user wrote it.
        metric: One of `METRICS`.
        comparison: `>=`, `<=`, `>` or `<`.
        bound: A number in [0, 1], the range of all metrics.
    """

    text: str
    metric: str
    comparison: str
    bound: float


def parse_condition(text: str) -> Condition:
    """Parses a condition: a metric, a comparison and a number.

    Raises:
        UsageError: The condition is malformed, its metric unknown, or its number out of range.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(
            f"The condition '{text}' cannot be understood. Give a metric, one of >=, <=, > and <, "
            "and a number, in quotes, such as --require 'accuracy>=.95'."
        )
    metric, comparison, number = match.groups()
    if metric not in METRICS:
        raise UsageError(
            f"There is no metric '{metric}' for the condition '{text}'."
            f"{suggest(metric, METRICS)} Known: {', '.join(METRICS)}."
        )
    if not 0 <= float(number) <= 1:
        raise UsageError(
            f"The condition '{text}' asks for {number}, but metrics lie between 0 and 1."
        )
    return Condition(text, metric, comparison, float(number))


def require(conditions: Sequence[Condition], metrics: Iterable[Metric]) -> None:
    """Checks that all conditions hold.

    Raises:
        ConditionNotMetError: A condition does not hold, or its metric was not measured. The message
            lists all such conditions with the measured values.
    """
    values = {metric.name: metric.value for metric in metrics}
    unmet = [text for each in conditions if (text := _complaint(each, values.get(each.metric)))]
    if unmet:
        raise ConditionNotMetError(f"--require is not met: {'; '.join(unmet)}.")


def _complaint(condition: Condition, value: float | None) -> str | None:
    if value is None:
        return f"'{condition.text}', but these pictures and this model have no {condition.metric}"
    if _OPERATORS[condition.comparison](value, condition.bound):
        return None
    return f"'{condition.text}', but {condition.metric} is {value:.6g}"
