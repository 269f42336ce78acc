"""A queue on Kafka: what it is not made of, and what it does not store."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from pytest_cio_load.errors import InvalidOperation, QueueMismatch
from pytest_cio_load.pipeline.engines.engine import Delivery, Parcel, State
from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

pytestmark = pytest.mark.asyncio

Cluster = Any
Jobs = Callable[..., list[Parcel]]
Take = Callable[[KafkaConsumer, int], Awaitable[list[Delivery]]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_a_priority_is_refused(engine: KafkaEngine, jobs: Jobs) -> None:
    """Before anything is stored."""
    text = "track: priority: got 3; expected 0, since a queue on Kafka keeps one order; leave it out, or use a queue on Redis"
    with pytest.raises(InvalidOperation) as caught:
        await engine.put([*jobs("a-0"), Parcel("b-0", "track", "{}", "b", priority=3)])
    assert str(caught.value) == text
    assert (await engine.depth())[State.WAITING] == 0


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"name": "cio:events"},
            "queue: got 'cio:events'; expected a name without a colon, which BullMQ on Node refuses; try 'cio-events'",
        ),
        (
            {"name": "é/x"},
            "queue: got 'é/x'; expected up to 240 letters, digits, '.', '_' and '-', which is what a topic of Kafka may have; try '--x'",
        ),
        ({"bootstrap": " "}, "bootstrap: got no text; expected host:port of brokers, separated by commas; try '127.0.0.1:9092'"),
        ({"partitions": 0}, "partitions: got 0; expected at least 1; try 8"),
        ({"session_timeout": 0.5}, "session_timeout: got 0.5; expected at least 1 second; try 6"),
        ({"handover": -1}, "handover: got -1; expected seconds, 0 or more; try 1"),
        ({"connect_timeout": 0}, "connect_timeout: got 0; expected seconds above 0; try 10"),
    ],
)
async def test_what_no_queue_can_be_made_of(settings: dict[str, object], text: str) -> None:
    """Got, expected, try."""
    with pytest.raises(ValueError) as caught:
        KafkaEngine(**{"bootstrap": "127.0.0.1:9", **settings})
    assert str(caught.value) == text


async def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    text = "confluent_kafka: got no such package; expected it for a queue on Kafka; try pip install 'pytest-cio-load[kafka]'"
    with pytest.raises(ImportError) as caught:
        KafkaEngine("127.0.0.1:9")
    assert str(caught.value) == text


async def test_topics_that_do_not_match(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    """Main and retry topic must have as many partitions as each other: a person's jobs are in the same one of both."""
    from pytest_cio_load.pipeline.engines.kafka import link

    name = cluster.queue()
    monkeypatch.setattr(link, "_count", lambda link, topic: 3 if topic.endswith(".retry") else 4)
    engine = KafkaEngine(cluster.bootstrap, name)
    text = f"queue {name}: got 4 partitions of {name} and 3 of {name}.retry; expected as many of both; make them equal while nothing runs"
    with pytest.raises(QueueMismatch) as caught:
        await engine.topics()
    assert str(caught.value) == text
    await engine.aclose()


async def test_topics_that_are_missing(cluster: Cluster) -> None:
    """They are made, here by asking for them; those that are made this way have as many partitions as the broker chooses."""
    engine = KafkaEngine(cluster.bootstrap, f"q{uuid4().hex[:12]}", partitions=6)
    assert (await engine.topics()).partitions == 4
    await engine.aclose()
