"""The metrics of a server, for Prometheus."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from capsule_inspect import __version__
from capsule_inspect.inference.drift import DriftMeter
from capsule_inspect.inference.inspect_picture import InspectedPicture
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.serving.workers import Workers

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The type of Prometheus's text format."""

_PREFIX: Final = "capsule_inspect"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24)
_SCORES = tuple(number / 20 for number in range(1, 21))

DRIFT_WINDOW: Final = 1000
"""The medians are of this many capsules, the last ones."""


class Metrics:
    """Counts requests and results, and writes them in Prometheus's text format.

    Args:
        inspector: Its model and training statistics are shown.
        workers: Their queue is shown.
    """

    def __init__(self, inspector: Inspector, workers: Workers) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            f"{_PREFIX}_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            f"{_PREFIX}_request_seconds",
            "Seconds from the header of a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._stage_seconds = Histogram(
            f"{_PREFIX}_stage_seconds",
            "Seconds by stage: receive and answer of a request; wait and inspect of a picture.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._rows = Counter(
            f"{_PREFIX}_rows",
            "Rows by status and label.",
            ("status", "label"),
            registry=registry,
        )
        self._scores = Histogram(
            f"{_PREFIX}_defect_score",
            "Defect scores of capsules.",
            buckets=_SCORES,
            registry=registry,
        )
        waiting = Gauge(f"{_PREFIX}_queue", "Requests that wait for a thread.", registry=registry)
        waiting.set_function(lambda: workers.waiting)
        working = Gauge(f"{_PREFIX}_in_work", "Requests in work.", registry=registry)
        working.set_function(lambda: workers.taken - workers.waiting)
        model = Info(f"{_PREFIX}_model", "The model and the version.", registry=registry)
        model.info({"sha256": inspector.model_sha256, "version": __version__})
        self._drift = _Drift(inspector)
        registry.register(self._drift)
        ProcessCollector(registry=registry)

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts a request.

        Args:
            route: The template of its route; `none` if there is none.
            method: The HTTP method.
            status: The status of the answer; 499 where the client left before it.
            seconds: How long it took.
        """
        self._requests.labels(route, method, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures the seconds of a stage."""
        start = perf_counter()
        try:
            yield
        finally:
            self.observe_stage(name, perf_counter() - start)

    def observe_stage(self, name: str, seconds: float) -> None:
        """Counts the seconds of a stage."""
        self._stage_seconds.labels(name).observe(seconds)

    def count_picture(self, inspected: InspectedPicture) -> None:
        """Counts the rows of a picture."""
        for record in inspected.records:
            self._rows.labels(record.status, record.label).inc()
            if record.defect_score is not None:
                self._scores.observe(record.defect_score)
        self._drift.add(inspected)

    def write(self) -> bytes:
        """Returns all metrics in Prometheus's text format."""
        return generate_latest(self._registry)


class _Drift(Collector):
    """Shows medians of the last capsules beside the ranges of the training pictures."""

    def __init__(self, inspector: Inspector) -> None:
        statistics = inspector.training_statistics
        self._ranges = statistics.ranges if statistics else ()
        self._meter = DriftMeter(statistics, DRIFT_WINDOW)

    def add(self, inspected: InspectedPicture) -> None:
        self._meter.add(inspected.observations)

    def collect(self) -> Sequence[GaugeMetricFamily]:
        medians = _family("median", f"Medians of the last {DRIFT_WINDOW} capsules.")
        for name, value in self._meter.medians().items():
            medians.add_metric([name], value)
        low = _family("training_low", "The lowest value among the training pictures.")
        high = _family("training_high", "The highest value among the training pictures.")
        for each in self._ranges:
            low.add_metric([each.name], each.low)
            high.add_metric([each.name], each.high)
        drift = _family("drift", "1 where the median lies outside the range of the training.")
        shifted = {shift.name for shift in self._meter.shifts() or ()}
        for each in self._ranges:
            drift.add_metric([each.name], float(each.name in shifted))
        return medians, low, high, drift


def _family(name: str, sentence: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", sentence, labels=["quantity"])
