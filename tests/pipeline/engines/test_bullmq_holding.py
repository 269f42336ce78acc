"""What a worker holds when it cannot be heard, and what is counted against its jobs then."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from pytest_cio_load.pipeline.engines.bullmq.held import STALLED
from pytest_cio_load.pipeline.engines.engine import Back, Done, State

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_kill_is_taken_back_when_the_worker_lives(opening, parcels, started, redis, prefix, shards):
    """It was only not heard for a while: an outage of the server does not make suspects of its jobs."""
    engine = opening(shards, lease=1.0, lock=1.0)
    await engine.put(parcels(1))
    silent = await started(engine, "silent")
    [got] = await silent.take(1, 5)
    await silent._keeper.stop()
    other = await started(engine, "other")
    async with asyncio.timeout(60):
        while not (again := await other.take(1, 1)):
            pass
    assert again[0].kills == 1
    assert not silent.holds(got)
    await silent._keeper.start()
    assert await redis.hget(f"{again[0].place.held.base}{got.id}", "stc") == "0"
    await silent.settle([Done(got, 0.1)])
    assert other.holds(again[0])
    await silent.close()
    await other.close()


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_lock_that_has_lapsed_is_no_hindrance_to_going_back(opening, parcels, started, redis, shards):
    """As long as nobody else has taken the job."""
    engine = opening(shards)
    await engine.put(parcels(2))
    consumer = await started(engine)
    got = await consumer.take(2, 5)
    await redis.delete(*(f"{each.place.held.base}{each.id}:lock" for each in got))
    await redis.set(f"{got[1].place.held.base}{got[1].id}:lock", "somebody else", px=60_000)
    await consumer.settle([Back(each) for each in got])
    depth = await engine.depth()
    assert (depth[State.WAITING], depth[State.ACTIVE]) == (1, 1)
    await consumer.close()


async def test_leaving_ends_though_its_cancellation_is_lost(opening, started, monkeypatch):
    """A command whose answer comes in the same moment may swallow it."""
    engine = opening(4, lease=0.5)
    consumer = await started(engine)
    begun, beat = asyncio.Event(), consumer._keeper._beat

    async def deaf():
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await beat()

    monkeypatch.setattr(consumer._keeper, "_beat", deaf)
    async with asyncio.timeout(30):
        await begun.wait()
        await consumer.close()
    assert consumer.closed


async def test_what_ends_the_renewing_is_raised(opening, parcels, started, monkeypatch):
    """A worker that renews no longer must not look idle."""
    engine = opening(4, lease=0.5)
    consumer = await started(engine)

    async def broken():
        raise KeyError("a fault of ours")

    monkeypatch.setattr(consumer._keeper, "_beat", broken)

    async def work():
        while True:
            await consumer.take(1, 0.1)

    async with asyncio.timeout(30):
        with pytest.raises(KeyError):
            await work()
    await consumer.close()


async def test_what_node_gave_up_is_a_dead_letter(opening, parcels, redis, prefix):
    """A job that BullMQ marked as to be failed is not tried."""
    engine = opening(1)
    await engine.put(parcels(3))
    await redis.hset(f"{prefix}:cio-events:j-p0-00000", "defa", STALLED)
    await redis.hset(f"{prefix}:cio-events:j-p0-00001", "defa", "its parent failed")
    consumer = engine.consumer("w")
    await consumer.start()
    assert [each.id for each in await consumer.take(5, 5)] == ["j-p0-00002"]
    reasons = sorted(letter.reason for letter in await engine.dead_letters())
    assert [reason[:17] for reason in reasons] == ["its parent failed", "its worker was ki"]
    await consumer.close()


async def test_a_lease_that_is_somebody_elses_gives_nothing(opening, parcels, redis, prefix):
    """Taking asks for the lease in the same moment: who has lost it without knowing gets nothing."""
    engine = opening(2)
    consumer = engine.consumer("w")
    await consumer.start()
    await engine.put(parcels(5, 5))
    for shard in range(2):
        await redis.set(f"cio-load:{prefix}:cio-events:lease:{shard}", "somebody else", px=60_000)
    assert await consumer.take(10, 0.05) == []
    assert (await engine.depth())[State.ACTIVE] == 0
    await consumer.close()
    assert await redis.get(f"cio-load:{prefix}:cio-events:lease:0") == "somebody else"
