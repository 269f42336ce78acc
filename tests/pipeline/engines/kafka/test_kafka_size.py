"""A queue on Kafka, and jobs that are too large for it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pytest_cio_load.errors import InvalidOperation, QueueError, QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import Again, Dead, Delivery, Done, Parcel, State
from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

pytestmark = pytest.mark.asyncio

Cluster = Any
Jobs = Callable[..., list[Parcel]]
Take = Callable[[KafkaConsumer, int], Awaitable[list[Delivery]]]

PRODUCE, TOO_LARGE = 0, 10


async def test_a_job_that_is_too_large_is_refused(engine: KafkaEngine, jobs: Jobs) -> None:
    """Before anything is stored, with its size and the limit."""
    text = (
        "track: size: got 1,001,770 bytes as a message on Kafka; expected at most 1,000,000, the client's message.max.bytes; "
        "send less at once"
    )
    with pytest.raises(InvalidOperation) as caught:
        await engine.put([*jobs("a-0"), *jobs("b-0", data="x" * 1_000_000)])
    assert str(caught.value) == text
    assert (await engine.depth())[State.WAITING] == 0


async def test_the_largest_job_can_be_put_aside_and_given_up(cluster: Cluster, take: Take, jobs: Jobs) -> None:
    """What was stored has room for all that is added to it, up to the limit that was asked for."""
    name = cluster.queue()
    security = {"message.max.bytes": "5000"}
    engine = KafkaEngine(cluster.bootstrap, name, group=name, connect_timeout=30.0, security=security)
    consumer = engine.consumer("w")
    await consumer.start()
    largest = 5000 - 1770
    with pytest.raises(InvalidOperation, match="got 5,001 bytes"):
        await engine.put(jobs("a-0", data="x" * (largest + 1)))
    await engine.put(jobs("a-0", data="x" * largest))
    (job,) = await take(consumer, 1)
    await consumer.settle([Again(job, 0.0, "503")])
    (job,) = await take(consumer, 1)
    await consumer.settle([Dead(job, "é" * 5_000, 9)])
    (letter,) = await engine.dead_letters()
    assert len(letter.data) == largest
    await consumer.close()
    await engine.aclose()


async def test_a_topic_that_takes_less(own_cluster: Cluster, jobs: Jobs) -> None:
    """Storing says how large it was, and that trying again is no use."""
    name = own_cluster.queue()
    engine = KafkaEngine(own_cluster.bootstrap, name, connect_timeout=30.0)
    own_cluster.refuse(PRODUCE, TOO_LARGE)
    with pytest.raises(QueueError) as caught:
        await engine.put(jobs("a-0", data="x" * 1000))
    assert not isinstance(caught.value, QueueUnavailable)
    assert str(caught.value) == (
        f"queue {name}: got Broker: Message size too large while storing jobs (1 of 1 not written, the largest of 2,770 bytes); "
        "expected what its topics take; raise their max.message.bytes, or send less at once"
    )
    await engine.put(jobs("a-0"))
    await engine.aclose()


@pytest.mark.parametrize(
    ("refusals", "data", "reason"),
    [
        (1, None, None),
        (2, '{"n": 1}', "it could not be put aside"),
        (3, "", "its data is left out: no broker takes it"),
    ],
)
async def test_a_job_that_no_topic_takes(
    own_cluster: Cluster, take: Take, jobs: Jobs, refusals: int, data: str | None, reason: str | None
) -> None:
    """It is put aside when it is alone, else dead, else dead without its data; what is behind it goes on."""
    name = own_cluster.queue()
    engine = KafkaEngine(own_cluster.bootstrap, name, group=name, connect_timeout=30.0)
    consumer = engine.consumer("w")
    await consumer.start()
    await engine.put(jobs("a-0", data='{"n": 1}'))
    await engine.put(jobs("a-1"))
    first, _ = await take(consumer, 2)
    own_cluster.refuse(PRODUCE, *[TOO_LARGE] * refusals)
    await consumer.settle([Again(first, 0.0, "503")])
    letters = await engine.dead_letters()
    assert [letter.data for letter in letters] == ([] if data is None else [data])
    assert all(reason in letter.reason and "got Broker: Message size too large" in letter.reason for letter in letters if reason)
    order = []
    for _ in range(2 - len(letters)):
        (job,) = await take(consumer, 1)
        order.append(job.id)
        await consumer.settle([Done(job, 0.1)])
    assert order == (["a-0", "a-1"] if data is None else ["a-1"])
    await consumer.close()
    await engine.aclose()


async def test_a_dead_letter_that_no_topic_takes(own_cluster: Cluster, take: Take, jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    """The job is settled, and an error says so, without its data."""
    name = own_cluster.queue()
    engine = KafkaEngine(own_cluster.bootstrap, name, group=name, connect_timeout=30.0)
    consumer = engine.consumer("w")
    await consumer.start()
    await engine.put(jobs("a-0", data="hush"))
    (job,) = await take(consumer, 1)
    own_cluster.refuse(PRODUCE, *[TOO_LARGE] * 3)
    with caplog.at_level(logging.ERROR, "pytest_cio_load.pipeline.kafka"):
        await consumer.settle([Dead(job, "400 no", 1)])
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR and "dropped" in each.getMessage()] == [
        f"{name}: job a-0 is dropped: got Broker: Message size too large for its dead letter; "
        "expected a topic that takes it; it was given up for: 400 no"
    ]
    assert "hush" not in caplog.text
    assert (await engine.depth())[State.ACTIVE] == 0
    await consumer.close()
    await engine.aclose()
