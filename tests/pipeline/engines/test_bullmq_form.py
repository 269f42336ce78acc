"""What is in the server: the form of a queue and of a job, its depth and age, and what others have put there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from pytest_cio_load.errors import QueueMismatch
from pytest_cio_load.pipeline.engines.engine import Dead, Done, Parcel, State, shard_of

pytestmark = pytest.mark.asyncio
Parcels = Callable[..., list[Parcel]]
BOTH = pytest.mark.parametrize("shards", [1, 4])


@BOTH
async def test_depth_counts_every_state(opening, parcels, shards, started):
    """Over all shards."""
    engine = opening(shards)
    await engine.put(parcels(10, 3))
    await engine.put([Parcel("d-1", "track", "{}", "x", delay=60), Parcel("d-2", "track", "{}", "y", priority=5)])
    consumer = await started(engine)
    got = await consumer.take(5, 5)
    await consumer.settle([Done(got[0], 0.1), Dead(got[1], "no", 1)])
    depth = await engine.depth()
    assert depth == {
        State.WAITING: 25,
        State.PRIORITIZED: 1,
        State.DELAYED: 1,
        State.ACTIVE: 3,
        State.COMPLETED: 1,
        State.FAILED: 1,
    }
    await consumer.close()


@BOTH
@pytest.mark.parametrize("priority", [0, 9])
async def test_age_is_that_of_the_oldest_that_waits(opening, shards, priority):
    """Prioritized jobs wait too; a delayed one does not."""
    engine = opening(shards)
    assert await engine.age() == 0.0
    now = time.time()
    await engine.put([Parcel("d-0", "track", "{}", "x", delay=5000, enqueued_at=now - 1000)])
    assert await engine.age() == 0.0
    await engine.put([Parcel(f"j-{at}", "track", "{}", str(at), 0, priority and priority - at, now - at * 10) for at in range(5)])
    assert await engine.age() == pytest.approx(40, abs=20)


async def test_a_job_is_stored_in_bullmqs_form(opening, parcels, redis, prefix):
    """Node's workers go by these fields."""
    engine = opening(1, attempts=7, backoff=1.5)
    [parcel] = parcels(1, priority=4)
    await engine.put([parcel])
    job = await redis.hgetall(f"{prefix}:cio-events:{parcel.id}")
    assert (job["name"], job["data"], job["priority"], job["delay"]) == ("track", '{"v":1}', "4", "0")
    assert int(job["timestamp"]) == round(parcel.enqueued_at * 1000)
    assert json.loads(job["opts"]) == {
        "by": "cio-load",
        "attempts": 7,
        "backoff": {"type": "exponential", "delay": 1500, "jitter": 0.5},
        "removeOnComplete": {"count": 10_000},
        "removeOnFail": {"count": 50_000},
        "priority": 4,
    }


async def test_the_ordered_form_is_queues_of_their_own(opening, parcels, redis, prefix):
    """``{name}-0`` and so on, by the hash of the key."""
    engine = opening(4)
    await engine.put([Parcel("j-1", "track", "{}", "somebody"), Parcel("j-2", "track", "{}")])
    for id, key in (("j-1", "somebody"), ("j-2", "j-2")):
        assert await redis.lpos(f"{prefix}:cio-events-{shard_of(key, 4)}:wait", id) is not None


async def test_another_number_of_shards_is_refused(opening, parcels):
    """Its producers would put a person's jobs elsewhere than the workers look."""
    await opening(4).put(parcels(1))
    other = opening(8)
    expected = r"queue cio-events: got 'v1 shards=8'; expected 'v1 shards=4', as it was made; use that number of shards, or another name"
    for asked in (other.put(parcels(1)), other.depth(), other.consumer("w").start()):
        with pytest.raises(QueueMismatch, match=expected):
            await asked


async def test_looking_makes_no_queue(opening, redis, prefix):
    """Whoever looks first does not decide its form."""
    assert sum((await opening(4).depth()).values()) == 0
    assert await redis.keys(f"*{prefix}*") == []


async def test_a_paused_queue_gives_nothing_until_it_is_resumed(opening, parcels, redis, prefix, started):
    """And is not asked without end meanwhile."""
    engine = opening(1)
    await engine.put(parcels(2))
    await redis.hset(f"{prefix}:cio-events:meta", "paused", 1)
    consumer = await started(engine)
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert await consumer.take(5, 1.0) == []
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before < 25
    await redis.hdel(f"{prefix}:cio-events:meta", "paused")
    assert len(await consumer.take(5, 1.0)) == 2
    await consumer.close()


async def test_a_job_of_a_plain_producer_is_taken(opening, redis, prefix, started):
    """One without our options: its own tries and keeping count."""
    engine = opening(1)
    await engine.put([])
    base = f"{prefix}:cio-events:"
    opts = json.dumps({"attempts": 3, "removeOnComplete": True})
    await redis.hset(f"{base}1", mapping={"name": "identify", "data": '{"userId":"7"}', "opts": opts, "timestamp": 1000, "priority": 0})
    await redis.lpush(f"{base}wait", "1")
    consumer = await started(engine)
    [got] = await consumer.take(1, 5)
    assert (got.id, got.name, got.limit, got.enqueued_at) == ("1", "identify", 3, 1.0)
    await consumer.settle([Done(got, 0.1)])
    assert await redis.exists(f"{base}1") == 0
    await consumer.close()


async def test_a_job_without_its_hash_is_taken_empty(opening, redis, prefix, started):
    """The worker makes a dead letter of it; it does not stop the queue."""
    engine = opening(1)
    await engine.put([])
    await redis.lpush(f"{prefix}:cio-events:wait", "gone")
    consumer = await started(engine)
    [got] = await consumer.take(1, 5)
    assert (got.id, got.name, got.data) == ("gone", "", "")
    await consumer.settle([Dead(got, "no operation", 0)])
    assert (await engine.depth())[State.FAILED] == 1
    await consumer.close()


async def test_broken_text_does_not_stop_the_queue(opening, parcels, redis, prefix, started):
    """It comes with marks in it, and the next job comes too."""
    engine = opening(1)
    await engine.put(parcels(2))
    await redis.hset(f"{prefix}:cio-events:j-p0-00000", "data", b"\xff\xfe{")
    consumer = await started(engine)
    got = await consumer.take(2, 5)
    assert [each.data for each in got] == ["��{", '{"v":1}']
    await consumer.close()


async def test_two_queues_of_one_name_and_other_prefixes_are_two(opening, parcels, started, drained):
    """Their figures too."""
    await opening(1).put(parcels(3))
    other = opening(4, prefix="{elsewhere}")
    await other.put(parcels(2))
    try:
        assert (await other.totals()).enqueued == 2
    finally:
        consumer = await started(other)
        await drained(consumer, 2)
        await consumer.close()
