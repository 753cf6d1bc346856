"""The error rates to expect of an operating point, in words."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capsule_inspect.modelfile.operating_point import OperatingPoint

_WORDS = {"false_alarm_rate": "of good capsules called defective", "miss_rate": "of defects missed"}


def describe_expected(point: "OperatingPoint") -> str:
    """Returns the rates with their intervals, such as `1.5 % (0.5 to 4.2 %) of defects missed`."""
    rates = [
        f"{metric.value:.1%}{_interval(metric.low, metric.high)} {_WORDS[metric.name]}"
        for metric in point.expected
        if metric.name in _WORDS
    ]
    return ", ".join(rates) or "not known"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:.1%} to {high:.1%})"
