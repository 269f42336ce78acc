"""The figures as Prometheus metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import Done, Parcel, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.health.exporter import BUCKETS, Exporter, in_buckets
from pytest_cio_load.pipeline.health.figures import WorkerFigures
from pytest_cio_load.pipeline.health.watching import Watch

MakeWorker = Callable[..., WorkerFigures]
Values = dict[tuple[str, ...], float]


class Hand:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Reachable(MemoryEngine):
    """A queue that may be away, and counts how often it was asked."""

    away = False
    times = 0

    async def depth(self) -> dict[State, int]:
        """Or the error."""
        self.times += 1
        if self.away:
            raise QueueUnavailable("gone")
        return await super().depth()


def read(text: bytes) -> Values:
    """Every sample: its name and the values of its labels, but for the queue."""
    found: Values = {}
    for family in read_text(text.decode()):
        assert family.documentation
        for sample in family.samples:
            labels = sorted((name, value) for name, value in sample.labels.items() if name != "queue")
            key = (sample.name, *(value for _, value in labels))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


@pytest.mark.asyncio
async def test_metrics_of_a_queue() -> None:
    """Depth by state, age, totals, latency and rates."""
    hand = Hand()
    engine = Reachable(today=lambda: hand.now)
    exporter = Exporter(Watch(engine, now=hand), list)
    assert ("cio_queue_rate", "in") not in read((await exporter.metrics())[0])
    await engine.put([Parcel(f"id{number}", "track", "{}", "x", enqueued_at=98.0) for number in range(10)])
    consumer = engine.consumer("w")
    await consumer.start()
    taken = await consumer.take(4, 0.0)
    await consumer.settle([Done(each, 0.25) for each in taken[:2]])
    hand.now = 104.0
    found = read((await exporter.metrics())[0])
    await consumer.close()
    expected = {
        ("cio_queue_up",): 1.0,
        ("cio_queue_depth", "waiting"): 6.0,
        ("cio_queue_depth", "active"): 2.0,
        ("cio_queue_depth", "completed"): 2.0,
        ("cio_queue_depth", "failed"): 0.0,
        ("cio_queue_oldest_age_seconds",): 6.0,
        ("cio_jobs_enqueued_total",): 10.0,
        ("cio_jobs_done_total",): 2.0,
        ("cio_jobs_retried_total",): 0.0,
        ("cio_jobs_redelivered_total",): 0.0,
        ("cio_jobs_dead_total",): 0.0,
        ("cio_queue_latency_seconds_count",): 2.0,
        ("cio_queue_latency_seconds_sum",): 0.5,
        ("cio_queue_latency_seconds_bucket", "0.1"): 0.0,
        ("cio_queue_latency_seconds_bucket", "0.25"): 2.0,
        ("cio_queue_latency_seconds_bucket", "+Inf"): 2.0,
        ("cio_queue_rate", "in"): 2.5,
        ("cio_queue_rate", "out"): 0.5,
    }
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.asyncio
async def test_metrics_of_workers(worker: MakeWorker) -> None:
    """Each under its own name, and its gates under names that hide the site ids."""
    workers = [
        worker("one", requests=5, in_flight=3, backing_off=2, outage_tries=7, failed_tries=1),
        worker("two", phase="stopped", circuit="half-open"),
    ]
    found = read((await Exporter(Watch(Reachable()), lambda: workers).metrics())[0])
    expected = {
        ("cio_worker_up", "one"): 1.0,
        ("cio_worker_up", "two"): 0.0,
        ("cio_worker_phase", "working", "one"): 1.0,
        ("cio_worker_phase", "stopped", "one"): 0.0,
        ("cio_worker_phase", "stopped", "two"): 1.0,
        ("cio_worker_requests_total", "one"): 5.0,
        ("cio_worker_in_flight", "one"): 3.0,
        ("cio_worker_backing_off", "one"): 2.0,
        ("cio_worker_outage_tries_total", "one"): 7.0,
        ("cio_worker_failed_tries_total", "one"): 1.0,
        ("cio_limiter_wait_seconds_total", "one", "abcd…"): 4.25,
        ("cio_limiter_rate", "one", "abcd…"): 80.0,
        ("cio_circuit_open", "one", "abcd…"): 0.0,
        ("cio_circuit_open", "two", "abcd…"): 1.0,
        ("cio_circuit_opened_total", "one", "abcd…"): 2.0,
    }
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.asyncio
async def test_a_queue_that_is_away(worker: MakeWorker) -> None:
    """The scrape says so, and everything about workers; nothing old about the queue."""
    hand, engine = Hand(), Reachable()
    exporter = Exporter(Watch(engine, now=hand), lambda: [worker()])
    await exporter.metrics()
    hand.now, engine.away = 102.0, True
    found = read((await exporter.metrics())[0])
    assert found[("cio_queue_up",)] == 0.0
    assert found[("cio_worker_up", "one")] == 1.0
    assert not [key for key in found if key[0] in ("cio_queue_depth", "cio_queue_rate", "cio_jobs_done_total")]


@pytest.mark.asyncio
async def test_many_scrapes() -> None:
    """Ask the queue once a second at most, and do not change the rates meanwhile."""
    hand, engine = Hand(), Reachable()
    exporter = Exporter(Watch(engine, now=hand), list)
    await exporter.metrics()
    await engine.put([Parcel("id", "track", "{}", "x")])
    hand.now = 102.0
    found = [read(text)[("cio_queue_rate", "in")] for text, _ in await asyncio.gather(*(exporter.metrics() for _ in range(10)))]
    assert (found, engine.times) == ([0.5] * 10, 2)


@pytest.mark.asyncio
async def test_open_metrics(worker: MakeWorker) -> None:
    """For whoever asks for that form."""
    text, content_type = await Exporter(Watch(Reachable()), lambda: [worker()]).metrics("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert {"cio_queue_depth", "cio_worker_phase", "cio_jobs_done"} <= {family.name for family in read_open_metrics(text.decode())}


@given(st.dictionaries(st.integers(0, 10**9), st.integers(1, 100), max_size=20))
def test_buckets(latency: dict[int, int]) -> None:
    """They never fall, the last holds everything, and a bound belongs to its bucket."""
    buckets, total = in_buckets(latency)
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert counts[-1] == sum(latency.values())
    assert [count for bound, count in buckets if bound == "0.25"] == [sum(count for micros, count in latency.items() if micros <= 250_000)]
    assert total == pytest.approx(sum(micros * count for micros, count in latency.items()) / 1e6)
    assert [bound for bound, _ in buckets] == [*map(repr, BUCKETS), "+Inf"]
