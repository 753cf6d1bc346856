"""Charts as coordinates, which `templates/charts.html` draws as SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal, TypeAlias

import numpy as np

CurveKind: TypeAlias = Literal["main", "other", "guide"]
"""Sets the colour and the dashes of a curve."""

MarkKind: TypeAlias = Literal["point", "dot"]
"""A large dot with a name in the legend, or one small dot of many."""

_MIN_TICKS = 4
_BINS = 20
"""Bars of a histogram: each is about ten pixels wide."""


@dataclass(frozen=True)
class Curve:
    """Points joined by a line.

    Attributes:
        name: Its name in the legend; empty for none.
        points: x and y of each.
        kind: Its style.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    kind: CurveKind = "main"


@dataclass(frozen=True)
class Mark:
    """One point that stands out.

    Attributes:
        x: Its value along the horizontal axis.
        y: Its value along the vertical axis.
        text: Its name, shown on hovering and in the legend.
        kind: Its style.
    """

    x: float
    y: float
    text: str
    kind: MarkKind = "point"


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram. It stands on the horizontal axis.

    Attributes:
        left: Where it begins on that axis.
        right: Where it ends.
        height: Its value along the vertical axis.
        text: Shown on hovering.
    """

    left: float
    right: float
    height: float
    text: str


@dataclass(frozen=True)
class Tick:
    """A line of the grid.

    Attributes:
        at: Its place, in SVG user units.
        text: Its label.
    """

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Curves, marks and bars between two axes.

    Attributes:
        title: What the chart shows.
        x_label: The name of the horizontal axis.
        y_label: The name of the vertical axis.
        x_range: The ends of the horizontal axis.
        y_range: The ends of the vertical axis.
        curves: Drawn over the bars.
        marks: Drawn over the curves.
        bars: Drawn first.
        note: A sentence below the chart.
        x_names: Names at 0, 1, … of the horizontal axis, instead of numbers.
        width: The width of the chart, in SVG user units, as are all lengths below.
        height: The height of the chart.
        left: Where the horizontal axis begins. Labels are outside the axes.
        right: Where the horizontal axis ends.
        top: Where the vertical axis ends.
        bottom: Where the vertical axis begins.
    """

    title: str
    x_label: str
    y_label: str
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)
    curves: tuple[Curve, ...] = ()
    marks: tuple[Mark, ...] = ()
    bars: tuple[Bar, ...] = ()
    note: str = ""
    x_names: tuple[str, ...] = ()
    width: ClassVar[int] = 360
    height: ClassVar[int] = 300
    left: ClassVar[int] = 52
    right: ClassVar[int] = 348
    top: ClassVar[int] = 12
    bottom: ClassVar[int] = 256

    def x(self, value: float) -> float:
        """Returns the distance of a value from the left, in SVG user units."""
        low, high = self.x_range
        return round(self.left + (value - low) / (high - low) * (self.right - self.left), 2)

    def y(self, value: float) -> float:
        """Returns the distance of a value from the top, in SVG user units."""
        low, high = self.y_range
        return round(self.bottom - (value - low) / (high - low) * (self.bottom - self.top), 2)

    def path(self, curve: Curve) -> str:
        """Returns a curve as the points of an SVG polyline."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in curve.points)

    @property
    def x_ticks(self) -> tuple[Tick, ...]:
        """The vertical lines."""
        if self.x_names:
            return tuple(Tick(self.x(place), name) for place, name in enumerate(self.x_names))
        return tuple(Tick(self.x(value), text) for value, text in nice_ticks(*self.x_range))

    @property
    def y_ticks(self) -> tuple[Tick, ...]:
        """The horizontal lines."""
        return tuple(Tick(self.y(value), text) for value, text in nice_ticks(*self.y_range))


def nice_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Chooses round numbers between two ends, in steps of 1, 2 or 5 times a power of ten.

    Args:
        low: The lower end.
        high: The upper end, above it.

    Returns:
        At least four values, with their labels.

    Example:
        >>> [label for _, label in nice_ticks(0, 1)]
        ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']
    """
    step = 10 ** math.floor(math.log10((high - low) / _MIN_TICKS))
    step *= max(m for m in (1, 2, 5) if step * m * _MIN_TICKS <= (high - low) * (1 + 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple((place * step, f"{place * step:.{digits}f}") for place in range(first, last + 1))


def histogram(
    title: str, x_label: str, values: Sequence[float], x_range: tuple[float, float] | None = None
) -> Chart:
    """Counts values in twenty bins of equal width.

    Args:
        title: What the chart shows.
        x_label: The name of the values.
        values: At least one.
        x_range: The ends of the axis; by default the smallest and the largest value.
    """
    low, high = x_range or (min(values), max(values))
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    counts, edges = (each.tolist() for each in np.histogram(values, _BINS, (low, high)))
    bars = tuple(
        Bar(left, right, count, f"{count} from {left:.3g} to {right:.3g}")
        for (left, right), count in zip(pairwise(edges), counts, strict=True)
        if count
    )
    return Chart(title, x_label, "number", (low, high), (0, max(4, *counts)), bars=bars)


def spread_out(place: int, count: int) -> Iterator[float]:
    """Yields places for the points of a column, apart from each other and within 0.3 of it."""
    # In steps of the golden ratio, no two neighbours are close.
    yield from (place + 0.6 * ((0.5 + number * 0.618034) % 1 - 0.5) for number in range(count))
