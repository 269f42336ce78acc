"""Runs as Prometheus scrapes them while they go on: ``http://127.0.0.1:PORT/metrics``. Needs the extra ``prometheus``.

The endpoint goes with the session, so what was counted since the last scrape is never scraped: scrape often, or push with OpenTelemetry.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from pytest_cio_load.reports.instruments import INSTRUMENTS, Facts, Instrument, Kind, Observation, Tally

if TYPE_CHECKING:
    from prometheus_client.core import Metric

HOST = "127.0.0.1"
"""Figures of a test session are nobody else's business."""

_LAST_PORT = 65_535


class PrometheusExporter:
    """Serves what it was told so far; everything is kept to the end of the session, so that a counter never goes back.

    Args:
        port: on 127.0.0.1; 0 for a free one.

    Attributes:
        where: the URL.

    Raises:
        OSError: the port cannot be had.
    """

    name = "prometheus"
    notes = ()

    def __init__(self, port: int) -> None:
        self._tallies = {each.name: Buckets(each.bounds) if each.bounds else Tally() for each in INSTRUMENTS}
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_All(self._tallies))
        try:
            self._server, self._thread = start_http_server(port, HOST, registry)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            got = f"--cio-prometheus: got {HOST}:{port}, which cannot be had ({why})"
            raise OSError(f"{got}; expected a free port; try --cio-prometheus=0") from None
        self.where = f"http://{HOST}:{self._server.server_port}/metrics"

    def begin(self, facts: Facts) -> Observation:
        """A run begins."""
        return Observation(facts, {name: tally.put for name, tally in self._tallies.items()})

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Buckets(Tally):
    """A histogram. Quicker than the client's own, since the load waits for it."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        super().__init__()
        self._bounds = bounds
        self._counts: dict[tuple[str, ...], list[int]] = {}

    def put(self, value: float, labels: Mapping[str, str]) -> None:
        """Add a value to its sum and to its bucket."""
        key = tuple(labels.values())
        with self.lock:
            self._sums[key] = self._sums.get(key, 0) + value
            counts = self._counts.get(key)
            if counts is None:
                counts = self._counts[key] = [0] * (len(self._bounds) + 1)
            counts[bisect_left(self._bounds, value)] += 1

    def up_to(self) -> dict[tuple[str, ...], list[tuple[str, float]]]:
        """How many values there are up to each bound, by attributes."""
        bounds = ["+Inf" if math.isinf(bound) else repr(bound) for bound in (*self._bounds, math.inf)]
        with self.lock:
            return {key: list(zip(bounds, map(float, accumulate(each)), strict=True)) for key, each in self._counts.items()}


def _family(it: Instrument, tally: Tally) -> Metric:
    name = f"cio_load_{it.name}{'_seconds' if it.unit == 's' else ''}"
    if isinstance(tally, Buckets):
        histogram = HistogramMetricFamily(name, it.meaning, labels=it.labels)
        counts, sums = tally.up_to(), tally.sums()
        for key, buckets in counts.items():
            histogram.add_metric(key, buckets, sums[key])
        return histogram
    family = CounterMetricFamily if it.kind is Kind.COUNTER else GaugeMetricFamily
    single = family(name, it.meaning, labels=it.labels)
    for key, total in tally.sums().items():
        single.add_metric(key, total)
    return single


class _All(Collector):
    def __init__(self, tallies: Mapping[str, Tally]) -> None:
        self._tallies = tallies

    def collect(self) -> Iterator[Metric]:
        for each in INSTRUMENTS:
            yield _family(each, self._tallies[each.name])


def read_port(text: str) -> int:
    """The port that ``--cio-prometheus`` names. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= _LAST_PORT):
        raise ValueError(f"--cio-prometheus: got {text[:60]!r}; expected a port of {HOST}, or 0 for a free one; try --cio-prometheus=9464")
    return int(text)


def port_of(port: int, worker: str) -> int:
    """The port of one worker of pytest-xdist: "gw0" has *port* itself, "gw1" the next one. 0 stays 0, and "" is no worker."""
    number = worker.removeprefix("gw")
    return port + int(number) if port and number.isdigit() else port
