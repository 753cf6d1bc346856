"""Charts as coordinates; `templates/charts.html` draws them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

CurveKind: TypeAlias = Literal["main", "other", "guide"]
"""Decides the colour of a curve, and its dashes."""

MarkKind: TypeAlias = Literal["point", "dot"]
"""A large dot that the legend names, or one of many."""

_MIN_TICKS = 4
_BINS = 20
"""Of a histogram: at the width of a chart each bar is some ten pixels wide."""


@dataclass(frozen=True)
class Curve:
    """Points joined by a line.

    Attributes:
        name: For the legend; empty for none.
        points: x and y of each.
        kind: What it looks like.
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
        text: What it is, shown on hovering and in the legend.
        kind: What it looks like.
    """

    x: float
    y: float
    text: str
    kind: MarkKind = "point"


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram, from the axis upwards.

    Attributes:
        left: Where it begins along the horizontal axis.
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
        at: Where, in SVG user units.
        text: Its label.
    """

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Curves, marks and bars between two axes.

    Attributes:
        title: What it shows.
        x_label: Of the horizontal axis.
        y_label: Of the vertical axis.
        x_range: Its ends.
        y_range: Its ends.
        curves: Drawn over the bars.
        marks: Drawn over the curves.
        bars: Drawn first.
        note: A sentence below it.
        x_names: Names to stand at 0, 1, … of the horizontal axis, in place of numbers.
        width: Of the whole, in SVG user units, and so are the following.
        height: Of the whole.
        left: Where the axes begin; their labels stand outside.
        right: Where the horizontal axis ends.
        top: Where the vertical axis ends.
        bottom: Where it begins.
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
        """Returns where a value stands from the left, in SVG user units."""
        low, high = self.x_range
        return round(self.left + (value - low) / (high - low) * (self.right - self.left), 2)

    def y(self, value: float) -> float:
        """Returns where a value stands from the top, in SVG user units."""
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
    """Chooses round numbers between two ends, by steps of 1, 2 or 5 times a power of ten.

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
        x_label: What the values are.
        values: At least one.
        x_range: Ends of the axis; those of the values unless given.
    """
    low, high = x_range or (min(values), max(values))
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int(_BINS * (value - low) / (high - low)))] += 1
    edges = [low + (high - low) * place / _BINS for place in range(_BINS + 1)]
    bars = tuple(
        Bar(left, right, count, f"{count} from {left:.3g} to {right:.3g}")
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    )
    return Chart(title, x_label, "number", (low, high), (0, max(4, *counts)), bars=bars)


def spread_out(place: int, count: int) -> Iterator[float]:
    """Yields places around one column that keep its points apart, at most 0.3 from it."""
    # Steps of the golden ratio leave no two neighbours close.
    yield from (place + 0.6 * ((0.5 + number * 0.618034) % 1 - 0.5) for number in range(count))
