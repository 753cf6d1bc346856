"""A measured number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A measured quality with its 95 % interval.

    Attributes:
        name: One of the metric names of `capsule-inspect evaluate`.
        value: The value; finite.
        n: How many pictures it was measured on; at least 1.
        low: Lower end of the 95 % interval; None where none was computed.
        high: Upper end; given exactly where `low` is.
    """

    name: str
    value: float
    n: int
    low: float | None
    high: float | None
