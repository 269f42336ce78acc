"""How jobs end, and what becomes of dead letters, in both forms, on a real Valkey."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from pytest_cio_load.pipeline.engines.engine import Again, Back, Dead, DeadLetter, Done, Parcel, State

pytestmark = pytest.mark.asyncio
Parcels = Callable[..., list[Parcel]]
BOTH = pytest.mark.parametrize("shards", [1, 4])


async def test_done_is_counted_once(opening, parcels, redis: Redis, prefix, started):
    """Also when it is settled again; its latency is kept to 3 digits."""
    engine = opening(1)
    await engine.put(parcels(1))
    consumer = await started(engine)
    [got] = await consumer.take(1, 5)
    done = Done(got, 0.0123456)
    await consumer.settle([done])
    await consumer.settle([done])
    totals = await engine.totals()
    assert (totals.done, totals.latency) == (1, {12300: 1})
    assert consumer.passed_over == 1
    assert await redis.hget(f"{prefix}:cio-events:{got.id}", "returnvalue") == "null"
    assert (await engine.depth())[State.COMPLETED] == 1
    await consumer.close()


@BOTH
async def test_dead_is_a_dead_letter(opening, parcels, shards, started):
    """With its reason and its tries; it is not taken again."""
    engine = opening(shards)
    await engine.put(parcels(1))
    consumer = await started(engine)
    [got] = await consumer.take(1, 5)
    await consumer.settle([Dead(got, "401 no such key", 3)])
    [letter] = await engine.dead_letters()
    assert (letter.id, letter.name, letter.reason, letter.attempts, letter.data) == (got.id, "track", "401 no such key", 3, got.data)
    assert letter.failed_at == pytest.approx(time.time(), abs=60)
    assert letter.enqueued_at == pytest.approx(got.enqueued_at, abs=0.001)
    assert (await engine.totals()).dead == 1
    assert await consumer.take(1, 0.05) == []
    await consumer.close()


async def test_a_dead_letter_that_was_never_tried_has_no_tries(opening, parcels, started):
    """What is no operation is given up before the first one."""
    engine = opening(1)
    await engine.put(parcels(1))
    consumer = await started(engine)
    await consumer.settle([Dead((await consumer.take(1, 5))[0], "no operation", 0)])
    assert (await engine.dead_letters())[0].attempts == 0
    await consumer.close()


async def test_again_comes_back_after_its_delay(opening, parcels, started):
    """Not before, and with its tries counted; delays under a second are kept."""
    engine = opening(1)
    await engine.put(parcels(1))
    consumer = await started(engine)
    [got] = await consumer.take(1, 5)
    began = time.time()
    await consumer.settle([Again(got, 0.35, "500 broken")])
    assert (await engine.depth())[State.DELAYED] == 1
    [again] = await consumer.take(1, 10)
    assert time.time() - began >= 0.349
    assert (again.id, again.attempts) == (got.id, 1)
    assert (await engine.totals()).retried == 1
    await consumer.close()


@BOTH
async def test_back_goes_to_the_head_in_order(opening, parcels, shards, started):
    """Several together, in whatever order they are given; nothing counts."""
    engine = opening(shards)
    await engine.put(parcels(6))
    consumer = await started(engine)
    got = await consumer.take(4, 5)
    await consumer.settle([Back(got[2]), Back(got[0]), Back(got[3]), Back(got[1])])
    again = await consumer.take(10, 5)
    assert [each.id for each in again] == [each.id for each in [*got, *again[4:]]]
    assert [each.attempts for each in again] == [0] * 6
    totals = await engine.totals()
    assert (totals.retried, totals.redelivered) == (0, 0)
    await consumer.close()


async def test_a_prioritized_job_goes_back_to_its_priority(opening, parcels, started):
    """And is the first one of it."""
    engine = opening(1)
    await engine.put(parcels(3, priority=7))
    consumer = await started(engine)
    [first] = await consumer.take(1, 5)
    await consumer.settle([Back(first)])
    assert (await engine.depth())[State.PRIORITIZED] == 3
    assert (await consumer.take(1, 5))[0].id == first.id
    await consumer.close()


async def test_note_failure_is_known_to_the_next_worker(opening, parcels, started):
    """Tries count over workers, and once however often they are noted."""
    engine = opening(4)
    await engine.put(parcels(1))
    first = await started(engine, "first")
    [got] = await first.take(1, 5)
    await first.note_failure(got, 2, "500 broken")
    await first.note_failure(got, 2, "500 broken")
    await first.close()
    second = await started(engine, "second")
    [again] = await second.take(1, 10)
    assert again.attempts == 2
    assert (await engine.totals()).retried == 1
    await first.note_failure(got, 4, "late")
    await second.settle([Back(again)])
    assert (await second.take(1, 5))[0].attempts == 2
    await second.close()


@BOTH
async def test_dead_letters_are_listed_oldest_first_in_pages(opening, parcels, shards, started):
    """Over all shards."""
    engine = opening(shards)
    made = parcels(1, 9)
    await engine.put(made)
    consumer = await started(engine)
    got = await consumer.take(20, 5)
    for each in got:
        await consumer.settle([Dead(each, "no", 1)])
        await asyncio.sleep(0.003)
    everything = [each.id for each in await engine.dead_letters()]
    assert everything == [each.id for each in got]
    assert [each.id for each in await engine.dead_letters(2, 3)] == everything[2:5]
    assert await engine.dead_letters(0, 0) == []
    assert await engine.dead_letters(50) == []
    await consumer.close()


@BOTH
async def test_a_replayed_letter_starts_again(opening, parcels, shards, started):
    """With no tries; a second replay finds it gone."""
    engine = opening(shards)
    await engine.put(parcels(2))
    consumer = await started(engine)
    await consumer.settle([Dead(each, "no", 4) for each in await consumer.take(2, 5)])
    letters = await engine.dead_letters()
    assert await engine.replay(letters[:1]) == 1
    assert await engine.replay(letters[:1]) == 0
    [again] = await consumer.take(2, 10)
    assert (again.id, again.attempts, again.kills) == (letters[0].id, 0, 0)
    assert [each.id for each in await engine.dead_letters()] == [letters[1].id]
    await consumer.close()


async def test_a_discarded_letter_is_gone(opening, parcels, redis, prefix, started):
    """With everything that was stored of it."""
    engine = opening(1)
    await engine.put(parcels(1))
    consumer = await started(engine)
    await consumer.settle([Dead((await consumer.take(1, 5))[0], "no", 1)])
    letters = await engine.dead_letters()
    assert await engine.discard(letters) == 1
    assert await engine.discard(letters) == 0
    assert await redis.exists(f"{prefix}:cio-events:{letters[0].id}") == 0
    await consumer.close()


async def test_a_letter_of_another_queue_is_refused(opening):
    """It would not be found, or be another job of the same id."""
    letter = DeadLetter("j-1", "track", "no", 1, 0.0, 0.0, "{}", "bull:elsewhere:")
    with pytest.raises(ValueError, match=r"dead letter j-1: got one of another queue; expected one of cio-events; list them again"):
        await opening(1).replay([letter])


async def test_as_many_finished_jobs_are_kept_as_asked(opening, parcels, started):
    """The newest ones."""
    engine = opening(1, keep_done=3, keep_failed=2)
    await engine.put(parcels(12))
    consumer = await started(engine)
    got = await consumer.take(12, 5)
    await consumer.settle([Done(each, 0.1) for each in got[:6]])
    await consumer.settle([Dead(each, "no", 1) for each in got[6:]])
    depth = await engine.depth()
    assert (depth[State.COMPLETED], depth[State.FAILED]) == (3, 2)
    assert (await engine.totals()).done == 6
    await consumer.close()
