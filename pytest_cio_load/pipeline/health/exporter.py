"""The figures of a queue and its workers as Prometheus metrics. Needs the extra ``queue`` (prometheus-client)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, StateSetMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pytest_cio_load.pipeline.engines.engine import State
from pytest_cio_load.pipeline.health.figures import QueueFigures, Rates, WorkerFigures, rates_between
from pytest_cio_load.pipeline.worker import Phase

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from pytest_cio_load.pipeline.health.watching import Watch

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of ``cio_queue_latency_seconds``."""

_TOTALS = {
    "enqueued": "Jobs stored by producers",
    "done": "Jobs sent and accepted by Customer.io",
    "retried": "Tries that failed, counted, and were or will be repeated",
    "redelivered": "Jobs taken again because their worker was killed or lost its hold",
    "dead": "Jobs given up: dead letters",
}
_WORKER_COUNTERS = {
    "requests": "Requests sent to Customer.io",
    "outage_tries": "Tries that failed with the whole service, and did not count",
    "failed_tries": "Tries that failed and counted",
}
_WORKER_GAUGES = {
    "in_flight": "Requests under way",
    "backing_off": "Jobs that wait for another try",
}


class Exporter(Collector):
    """Collects the latest figures into a registry of its own; asks nobody while it collects.

    Args:
        watch: the queue.
        workers: gives the workers' figures.
    """

    def __init__(self, watch: Watch, workers: Callable[[], Sequence[WorkerFigures]]) -> None:
        self._watch, self._workers = watch, workers
        self._seen: QueueFigures | None = None
        self._rates: Rates | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    async def metrics(self, accept: str = "") -> tuple[bytes, str]:
        """Text and its content type, in the form that the Accept header asks for. The queue is asked once a second at most."""
        figures = await self._watch.look()
        if figures is not None and figures is not self._seen:
            self._rates, self._seen = rates_between(self._seen, figures), figures
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        up = GaugeMetricFamily("cio_queue_up", "Whether the queue answered: 1, or 0", labels=["queue"])
        up.add_metric([self._watch.queue], 0.0 if self._watch.trouble or self._seen is None else 1.0)
        yield up
        if self._seen is not None and not self._watch.trouble:
            yield from _of_queue(self._seen, self._rates)
        workers = self._workers()
        yield from _of_workers(self._watch.queue, workers)
        yield from _of_gates(workers)


def _of_queue(figures: QueueFigures, rates: Rates | None) -> Iterator[Metric]:
    queue = figures.queue
    depth = GaugeMetricFamily("cio_queue_depth", "Jobs in the queue, by state", labels=["queue", "state"])
    for state in State:
        depth.add_metric([queue, state.value], figures.depth.get(state, 0))
    yield depth
    age = GaugeMetricFamily("cio_queue_oldest_age_seconds", "Seconds since the oldest waiting job was enqueued", labels=["queue"])
    age.add_metric([queue], figures.age)
    yield age
    for name, text in _TOTALS.items():
        counter = CounterMetricFamily(f"cio_jobs_{name}", f"{text}, by all workers since the queue began", labels=["queue"])
        counter.add_metric([queue], getattr(figures.totals, name))
        yield counter
    latency = HistogramMetricFamily("cio_queue_latency_seconds", "Seconds between enqueued and accepted", labels=["queue"])
    buckets, total = in_buckets(figures.totals.latency)
    latency.add_metric([queue], buckets, total)
    yield latency
    if rates is not None:
        rate = GaugeMetricFamily("cio_queue_rate", "Jobs per second in and out since the queue was last asked", labels=["queue", "kind"])
        if rates.came is not None:
            rate.add_metric([queue, "in"], rates.came)
        rate.add_metric([queue, "out"], rates.went)
        yield rate


def in_buckets(latency: Mapping[int, int]) -> tuple[list[tuple[str, float]], float]:
    """Cumulative counts by upper bound, as Prometheus wants them, and the sum in seconds. *latency*: µs → how many."""
    buckets = []
    for bound in (*BUCKETS, math.inf):
        below = sum(count for micros, count in latency.items() if micros <= bound * 1e6)
        buckets.append(("+Inf" if math.isinf(bound) else repr(bound), float(below)))
    return buckets, sum(micros * count for micros, count in latency.items()) / 1e6


def _of_workers(queue: str, workers: Sequence[WorkerFigures]) -> Iterator[Metric]:
    labels = ["queue", "worker"]
    up = GaugeMetricFamily("cio_worker_up", "Whether the worker runs: 1, or 0 once it has ended", labels=labels)
    phase = StateSetMetricFamily("cio_worker_phase", "What the worker is doing", labels=labels)
    for worker in workers:
        up.add_metric([queue, worker.worker], float(worker.is_up))
        phase.add_metric([queue, worker.worker], {each.value: each is worker.phase for each in Phase})
    yield up
    yield phase
    for family, known in ((CounterMetricFamily, _WORKER_COUNTERS), (GaugeMetricFamily, _WORKER_GAUGES)):
        for name, text in known.items():
            metric = family(f"cio_worker_{name}", text, labels=labels)
            for worker in workers:
                metric.add_metric([queue, worker.worker], getattr(worker, name))
            yield metric


def _of_gates(workers: Sequence[WorkerFigures]) -> Iterator[Metric]:
    labels = ["worker", "workspace"]
    waited = CounterMetricFamily("cio_limiter_wait_seconds", "Seconds that requests were told to wait by the limiter", labels=labels)
    rate = GaugeMetricFamily("cio_limiter_rate", "Requests per second that are kept to", labels=labels)
    is_open = GaugeMetricFamily("cio_circuit_open", "Whether requests wait for the service to come back: 1, or 0", labels=labels)
    opened = CounterMetricFamily("cio_circuit_opened", "How often the circuit has opened", labels=labels)
    for worker in workers:
        for gate in worker.gates:
            named = [worker.worker, gate.workspace]
            waited.add_metric(named, gate.waited)
            rate.add_metric(named, gate.rate)
            is_open.add_metric(named, float(gate.is_open))
            opened.add_metric(named, gate.opened)
    yield from (waited, rate, is_open, opened)
