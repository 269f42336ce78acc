"""A queue on Kafka: what was stored is taken, and settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from pytest_cio_load.pipeline.engines.engine import Back, Dead, Delivery, Done, Parcel, State
from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

pytestmark = pytest.mark.asyncio

Cluster = Any
Jobs = Callable[..., list[Parcel]]
Take = Callable[[KafkaConsumer, int], Awaitable[list[Delivery]]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_what_was_put_is_taken(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """With all that its producer said, and in order per person."""
    await engine.put(jobs(*(f"p{person}-{number}" for number in range(20) for person in range(9)), data='{"é": "\\ud83d"}'))
    taken = await take(consumer, 180)
    assert {(each.name, each.data, each.attempts, each.kills, each.limit) for each in taken} == {("track", '{"é": "\\ud83d"}', 0, 0, None)}
    assert all(abs(each.enqueued_at - time.time()) < 600 for each in taken)
    for person in range(9):
        assert [each.id for each in taken if each.id.startswith(f"p{person}-")] == [f"p{person}-{number}" for number in range(20)]


async def test_what_is_settled_is_not_taken_again(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """Also when what came before it is not: the next worker gets only that."""
    await engine.put(jobs(*(f"a-{number}" for number in range(9))))
    taken = await take(consumer, 9)
    await consumer.settle([Done(each, 0.25) for each in taken if each.id not in ("a-2", "a-5")])
    await consumer.close()
    following = engine.consumer("next")
    await following.start()
    assert [each.id for each in await take(following, 2)] == ["a-2", "a-5"]
    assert await following.take(9, 0.3) == []
    await following.close()
    totals = await engine.totals()
    assert (totals.enqueued, totals.done, totals.latency) == (9, 7, {250000: 7})


async def test_depth_and_age(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, until: Until, jobs: Jobs) -> None:
    """Waiting, delayed, under way, dead: each job in one of them, for its owner and for somebody who only looks."""
    await engine.put([Parcel("a-0", "track", "{}", "a", enqueued_at=time.time() - 500), *jobs("b-0", "c-0", "d-0")])
    await engine.put(jobs("e-0", delay=3600.0))
    assert 499 < await engine.age() < 900
    outside = KafkaEngine(engine.link.bootstrap, engine.name, group=engine.group)
    waits = {State.WAITING: 4, State.DELAYED: 1, State.ACTIVE: 0, State.COMPLETED: 0, State.FAILED: 0, State.PRIORITIZED: 0}
    assert await outside.depth() == await engine.depth() == waits
    taken = await take(consumer, 4)
    assert await engine.depth() == {**waits, State.WAITING: 0, State.ACTIVE: 4}
    await consumer.settle([Done(taken[0], 0.1), Dead(taken[1], "bad", 1)])
    assert await engine.depth() == {**waits, State.WAITING: 0, State.ACTIVE: 2, State.COMPLETED: 1, State.FAILED: 1}

    async def seen() -> bool:
        return (await outside.depth())[State.WAITING] == 2

    await until(seen)
    await consumer.settle([Done(each, 0.1) for each in taken[2:]])
    assert await engine.age() == 0.0
    await outside.aclose()


async def test_a_job_that_was_not_tried_goes_back(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """In order, and nothing counts."""
    await engine.put(jobs("a-0", "a-1", "a-2"))
    taken = await take(consumer, 2)
    await consumer.settle([Back(each) for each in reversed(taken)])
    assert [(each.id, each.attempts, each.kills) for each in await take(consumer, 3)] == [("a-0", 0, 0), ("a-1", 0, 0), ("a-2", 0, 0)]


async def test_a_message_of_another_hand(engine: KafkaEngine, consumer: KafkaConsumer, take: Take) -> None:
    """No headers, no key, no text: it is taken all the same, so that a worker can give it up."""
    other = Producer({"bootstrap.servers": engine.link.bootstrap, "log_level": 0})
    other.produce(engine.name, b"\xff\xfe", partition=0)
    other.produce(engine.name, None, partition=0, headers={"attempts": b"x", "id": b""})
    assert other.flush(30) == 0
    taken = await take(consumer, 2)
    assert [(each.id, each.name, each.attempts) for each in taken] == [(f"{engine.name}-0-0", "", 0), (f"{engine.name}-0-1", "", 0)]
    assert all(each.enqueued_at > 0 for each in taken)
    await consumer.settle([Dead(each, "no job", 1) for each in taken])
    assert len(await engine.dead_letters()) == 2


async def test_cancelling_a_take_loses_nothing(engine: KafkaEngine, consumer: KafkaConsumer, take: Take, jobs: Jobs) -> None:
    """Cut off at any moment, the jobs are there for the next one."""
    waiting = asyncio.create_task(consumer.take(5, 30.0))
    await asyncio.sleep(0)
    await engine.put(jobs("a-0"))
    for _ in range(20):
        waiting.cancel()
        done = await asyncio.gather(waiting, return_exceptions=True)
        if isinstance(done[0], list):
            break
        waiting = asyncio.create_task(consumer.take(5, 30.0))
        await asyncio.sleep(0)
    waiting.cancel()
    done = await asyncio.gather(waiting, return_exceptions=True)
    found = done[0] if isinstance(done[0], list) else await take(consumer, 1)
    assert [each.id for each in found] == ["a-0"]


async def test_partitions_change_hands_in_mid_batch(
    engine: KafkaEngine, consumer: KafkaConsumer, take: Take, until: Until, jobs: Jobs
) -> None:
    """A second worker gets half of them, with what the first had taken and not settled; settling that changes nothing; nothing is lost."""
    people = [f"p{number}" for number in range(16)]
    await engine.put(jobs(*(f"{person}-{number}" for number in range(5) for person in people)))
    held = await take(consumer, 80)
    second = engine.consumer("second")
    await second.start()
    moved: list[Delivery] = []

    async def quiet() -> bool:
        # They may change hands more than once before all is quiet.
        moved[:] = [each for each in moved + await second.take(100, 0.5) if second.holds(each)]
        return bool(moved) and len(moved) + sum(consumer.holds(each) for each in held) == 80

    await until(quiet)
    kept = [each for each in held if consumer.holds(each)]
    assert kept
    assert {each.id for each in kept}.isdisjoint(each.id for each in moved)
    await consumer.settle([Done(each, 0.1) for each in held])
    assert (await engine.totals()).done == len(kept)
    await second.settle([Done(each, 0.1) for each in moved])
    for person in people:
        numbers = [each.id for each in moved if each.id.startswith(f"{person}-")]
        assert numbers in ([], [f"{person}-{number}" for number in range(5)])
    await second.close()
    assert (await engine.depth())[State.WAITING] == 0
