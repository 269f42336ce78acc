"""What is put is taken: once, in order, when it is due, and whatever is cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from pytest_cio_load.pipeline.engines.engine import Done, Parcel, State, shard_of

pytestmark = pytest.mark.asyncio
Parcels = Callable[..., list[Parcel]]
BOTH = pytest.mark.parametrize("shards", [1, 4])


@BOTH
async def test_what_is_put_is_taken_as_it_was_put(opening, parcels, shards, started):
    """Name, data and the time it was enqueued come back."""
    engine = opening(shards)
    parcel = Parcel("j-ü-1", "track", '{"v":1,"é":"☃"}', "ü", enqueued_at=1_700_000_000.123)
    await engine.put([parcel])
    consumer = await started(engine)
    [got] = await consumer.take(10, 5)
    assert (got.id, got.name, got.data, got.enqueued_at) == (parcel.id, parcel.name, parcel.data, parcel.enqueued_at)
    assert (got.attempts, got.kills, got.limit) == (0, 0, None)
    assert consumer.holds(got)
    await consumer.close()


@BOTH
async def test_storing_twice_is_storing_once(opening, parcels, shards, started, drained):
    """Also when it is done already, and within one call."""
    engine = opening(shards)
    [parcel] = parcels(1)
    await engine.put([parcel, parcel])
    consumer = await started(engine)
    await drained(consumer, 1)
    await engine.put([parcel])
    assert await consumer.take(10, 0.05) == []
    assert (await engine.totals()).enqueued == 1
    await consumer.close()


async def test_a_persons_jobs_come_in_order(opening, parcels, started, drained):
    """However they are put and taken."""
    engine = opening(4)
    made = parcels(60, 7)
    await engine.put(made[:300])
    for each in made[300:]:
        await engine.put([each])
    consumer = await started(engine)
    ids = await drained(consumer, len(made), most=13)
    for person in {each.key for each in made}:
        of_one = [id for id in ids if f"-{person}-" in id]
        assert of_one == sorted(of_one)
        assert len(of_one) == 60
    await consumer.close()


async def test_no_shard_waits_for_another(opening, parcels, started):
    """A take is shared out among the shards that have something."""
    engine = opening(4)
    await engine.put(parcels(20, 30))
    consumer = await started(engine)
    got = await consumer.take(8, 1)
    assert {shard_of(each.id.split("-")[1], 4) for each in got} == {0, 1, 2, 3}
    await consumer.close()


async def test_priorities_come_in_their_order_after_what_has_none(opening, started):
    """1 is first."""
    engine = opening(1)
    await engine.put([Parcel(f"j-{at}", "track", "{}", "p", priority=each) for at, each in enumerate((3, 1, 2, 0))])
    consumer = await started(engine)
    assert [each.id for each in await consumer.take(10, 5)] == ["j-3", "j-1", "j-2", "j-0"]
    await consumer.close()


@BOTH
async def test_a_delayed_job_waits(opening, parcels, shards, started):
    """A worker that is idle wakes for it."""
    engine = opening(shards)
    await engine.put(parcels(1, delay=0.4))
    consumer = await started(engine)
    assert await consumer.take(1, 0) == []
    [got] = await consumer.take(1, 20)
    assert time.time() - got.enqueued_at >= 0.399
    await consumer.close()


async def test_an_idle_worker_wakes_for_a_job(opening, parcels, started):
    """Long before its wait is over."""
    engine = opening(4)
    consumer = await started(engine)
    taking = asyncio.create_task(consumer.take(5, 60))
    await asyncio.sleep(0.2)
    await engine.put(parcels(1))
    async with asyncio.timeout(30):
        assert len(await taking) == 1
    await consumer.close()


@BOTH
async def test_a_cancelled_take_loses_nothing(opening, parcels, shards, started, drained):
    """Whenever it is cancelled, what it had asked for comes with the next one."""
    engine = opening(shards)
    await engine.put(parcels(40, 3))
    consumer = await started(engine)
    ids: list[str] = []
    for at in range(60):
        taking = asyncio.create_task(consumer.take(3, 5))
        for _ in range(at % 13):
            await asyncio.sleep(0)
        taking.cancel()
        try:
            got = await taking
        except asyncio.CancelledError:
            continue
        ids += [each.id for each in got]
        await consumer.settle([Done(each, 0.1) for each in got])
    ids += await drained(consumer, 120 - len(ids))
    assert len(ids) == len(set(ids)) == 120
    assert (await engine.totals()).redelivered == 0
    await consumer.close()


@BOTH
async def test_a_cancelled_wait_takes_no_wake_up_from_others(opening, parcels, shards, started):
    """The next worker is not asleep beside a job."""
    engine = opening(shards)
    first, second = await started(engine, "first"), await started(engine, "second")
    for _ in range(5):
        taking = asyncio.create_task(first.take(1, 60))
        await asyncio.sleep(0.02)
        await engine.put(parcels(1, enqueued_at=time.time()))
        taking.cancel()
        await asyncio.wait([taking])
    await first.close()
    async with asyncio.timeout(30):
        assert len(await second.take(5, 30)) >= 1
    await second.close()


@BOTH
async def test_close_gives_back_in_order(opening, parcels, shards, started, drained):
    """What was taken, and what a cancelled take left; another worker has it at once."""
    engine = opening(shards)
    await engine.put(parcels(12))
    first = await started(engine, "first")
    taken = await first.take(5, 5)
    taking = asyncio.create_task(first.take(3, 5))
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.wait([taking])
    await first.close()
    await first.close()
    assert not first.holds(taken[0])
    assert (await engine.depth())[State.WAITING] == 12
    second = await started(engine, "second")
    assert await drained(second, 12) == [f"j-p0-{turn:05d}" for turn in range(12)]
    totals = await engine.totals()
    assert (totals.redelivered, totals.done) == (0, 12)
    await second.close()
