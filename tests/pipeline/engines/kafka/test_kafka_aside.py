"""A queue on Kafka: what is put aside, put off, or given up."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pytest_cio_load.pipeline.engines.engine import Again, Dead, Delivery, Done, Parcel
from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

pytestmark = pytest.mark.asyncio

Cluster = Any
Jobs = Callable[..., list[Parcel]]
Take = Callable[[KafkaConsumer, int], Awaitable[list[Delivery]]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_a_parked_job_keeps_its_place(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """It comes back with its tries counted, then what was taken after it, then what was stored later; others go on."""
    await engine.put(jobs("a-0", "a-1", "b-0"))
    taken = {each.id: each for each in await take(consumer, 3)}
    await consumer.settle([Again(taken["a-0"], 0.2, "503"), Again(taken["a-1"], 0.0, "")])
    await engine.put(jobs("a-2", "b-1"))
    assert [each.id for each in await take(consumer, 1)] == ["b-1"]
    order = []
    for _ in range(3):
        (each,) = await take(consumer, 1)
        order.append((each.id, each.attempts))
        assert await consumer.take(9, 0.1) == []
        await consumer.settle([Done(each, 0.1)])
    assert order == [("a-0", 1), ("a-1", 0), ("a-2", 0)]
    assert (await engine.totals()).retried == 1


async def test_parked_jobs_outlive_their_worker(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """Who is parked is read before anything else is taken, and tries are remembered."""
    await engine.put(jobs("a-0", "a-1"))
    first, second = await take(consumer, 2)
    await consumer.note_failure(first, 1, "503")
    await consumer.settle([Again(first, 0.0, "503"), Again(second, 0.0, "")])
    await consumer.close()
    await engine.put(jobs("a-2"))
    following = engine.consumer("next")
    await following.start()
    order = []
    for _ in range(3):
        (each,) = await take(following, 1)
        order.append((each.id, each.attempts))
        await following.settle([Done(each, 0.1)])
    assert order == [("a-0", 2), ("a-1", 0), ("a-2", 0)]
    await following.close()


async def test_a_delayed_job_waits(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """It is taken when it is due, and keeps nobody else waiting."""
    began = time.time()
    await engine.put([*jobs("a-1", delay=6.0), *jobs("b-0")])
    for id in ("b-0", "a-1"):
        (each,) = await take(consumer, 1)
        assert each.id == id
        await consumer.settle([Done(each, 0.1)])
    assert time.time() - began >= 6.0


async def test_dead_letters(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """They are listed oldest first, without a person's data in sight; one is replayed, one discarded, each once."""
    await engine.put(jobs("a-0", "b-0", "c-0", data='{"email": "x@example.com"}'))
    taken = sorted(await take(consumer, 3), key=lambda each: each.id)
    for each in taken:
        await consumer.settle([Dead(each, f"400 for {each.id}", 2)])
    letters = await engine.dead_letters()
    assert [(each.id, each.name, each.reason, each.attempts) for each in letters] == [
        ("a-0", "track", "400 for a-0", 2),
        ("b-0", "track", "400 for b-0", 2),
        ("c-0", "track", "400 for c-0", 2),
    ]
    assert "example.com" not in repr(letters)
    assert [each.id for each in await engine.dead_letters(1, 1)] == ["b-0"]
    assert await engine.replay(letters[:1]) == 1
    assert await engine.replay(letters[:1]) == 0
    assert await engine.discard(letters[:2]) == 1
    assert [each.id for each in await engine.dead_letters()] == ["c-0"]
    (again,) = await take(consumer, 1)
    assert (again.id, again.data, again.attempts) == ("a-0", '{"email": "x@example.com"}', 0)
