"""The commands on Kafka: what is counted, and whose rate it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families as read_text

from pytest_cio_load.fake.served import ServedFake

Start = Callable[..., Any]
Until = Callable[[Callable[[], object], str], None]


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """librdkafka's own cluster, which lives as long as its producer."""
    cluster = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = cluster.list_topics(timeout=60).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    del cluster


def test_counts_of_several_processes(start: Start, bootstrap: str, fake: ServedFake, events: Callable[..., Path], until: Until) -> None:
    """Are those of all of them; each keeps to its share of the rate, which is said."""
    queue = ["--queue-url", f"kafka://{bootstrap}", "--shards", "4"]
    assert start("enqueue", events(60), *queue).ended() == 0
    two = ["--workers", "2", "--name", "mine"]
    worker = start("worker", *queue, "--url", fake.url, *two, "--rate", "400/s", "--listen", "0")

    def values(name: str) -> list[float]:
        return [each.value for family in read_text(worker.get("/metrics").text) for each in family.samples if each.name == name]

    until(lambda: values("cio_jobs_done_total") == [60.0], "all are done")
    assert values("cio_queue_latency_seconds_count") == [60.0]
    assert values("cio_limiter_rate") == [200.0, 200.0]
    assert "each of 2 processes keeps to 200 requests/s" in worker.err

    def top() -> str:
        shown = start("top", *queue, "--once")
        assert shown.ended() == 0, shown.err
        return str(shown.out).replace(" \n", "\n")

    # Offsets are committed every second, so it is some moments until everybody sees it.
    until(lambda: "empty\n" in top(), "the queue is seen to be empty")
    assert "rates and latency are in the /metrics of each worker: this queue keeps none" in top()
    worker.terminate()
    assert worker.ended() == 0, worker.err
    assert (fake.delivery().applied, fake.delivery().out_of_order) == (60, 0)
