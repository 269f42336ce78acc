"""What is lost while something is being asked, what is given back, what a producer's odd options do, a server that stands still."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.errors import QueueError, QueueUnavailable
from pytest_cio_load.pipeline.engines.bullmq.jobs import Keeping, delivery, terms
from pytest_cio_load.pipeline.engines.embedded import Embedded
from pytest_cio_load.pipeline.engines.engine import Back, Dead, Done, State

pytestmark = pytest.mark.asyncio

NEVER = float("-inf")


def meanwhile(keeper: Any, script: str, happens: Any) -> None:
    """Has something happen, once, after *script* has been run and before its answer is read."""
    run, left = keeper._link.run, [happens]

    async def told(name: str, *arguments: Any, **how: Any) -> Any:
        answer = await run(name, *arguments, **how)
        if name == script and left:
            left.pop()()
        return answer

    keeper._link.run = told


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_job_is_lost_while_a_kill_is_taken_back(opening, parcels, started, shards):
    """The worker goes on renewing, and the later kill is taken back too."""
    engine = opening(shards, lock=30.0)
    await engine.put(parcels(2))
    consumer = await started(engine)
    one, two = await consumer.take(2, 5)
    keeper = consumer._keeper
    meanwhile(keeper, "pardon", lambda: keeper._pardons.add([two.place], time.monotonic()))
    keeper._pardons.add([one.place], time.monotonic())
    async with asyncio.timeout(30):
        while not any(place is two.place for _, place in keeper._pardons._lost):
            keeper.check()
            await asyncio.sleep(0.05)
    keeper.check()
    assert [place.id for _, place in keeper._pardons._lost] == [one.id, two.id]
    await consumer.close()


async def test_a_job_is_forsaken_while_another_goes_back(opening, parcels, started):
    """Both go back, and not only once their locks have lapsed."""
    engine = opening(1, lock=600.0, lease=0.5)
    await engine.put(parcels(3))
    consumer = await started(engine)
    got = await consumer.take(3, 5)

    def forsaken(each: Any) -> None:
        each.place.renewed = NEVER
        assert not consumer.holds(each)

    meanwhile(consumer._keeper, "settle", lambda: forsaken(got[1]))
    forsaken(got[0])
    async with asyncio.timeout(30):
        while (await engine.depth())[State.WAITING] < 2:
            await asyncio.sleep(0.05)
    await consumer.close()


@pytest.mark.parametrize("turn", range(4))
async def test_what_was_given_back_is_taken_first(opening, parcels, started, turn):
    """Or a job that must be taken apart waits as long as other shards have some."""
    engine = opening(4)
    await engine.put(parcels(5, 40))
    consumer = await started(engine)
    for _ in range(turn):
        await consumer.settle([Done(each, 0.1) for each in await consumer.take(1, 5)])
    got = await consumer.take(40, 5)
    suspect = next(place for place, each in enumerate(got) if each.place.held is got[-1].place.held)
    await consumer.settle([Back(each) for each in got[suspect:]])
    await consumer.settle([Done(each, 0.1) for each in got[:suspect]])
    assert [each.id for each in await consumer.take(1, 5)] == [got[suspect].id]
    await consumer.close()


ODD = [1e300, -1e300, 10**30, 2**63, -(2**70)]


@pytest.mark.parametrize("odd", [*ODD, float("inf"), float("nan")])
async def test_odd_options_of_a_producer(opening, parcels, started, redis, prefix, odd):
    """Numbers that no script can be told end neither the taking nor the settling of other jobs."""
    engine = opening(1)
    await engine.put(parcels(2))
    hash_ = f"{prefix}:cio-events:j-p0-0000"
    options = {"removeOnComplete": odd, "removeOnFail": {"age": odd}, "attempts": odd}
    for place in range(2):
        await redis.hset(f"{hash_}{place}", "opts", json.dumps(options))
    consumer = await started(engine)
    one, two = await consumer.take(2, 5)
    await consumer.settle([Done(one, 0.1), Dead(two, "400 refused", 1)])
    totals = await engine.totals()
    assert (totals.done, totals.dead) == (1, 1)
    await consumer.close()


@pytest.mark.parametrize("odd", ODD)
async def test_odd_numbers_in_a_job(opening, parcels, started, redis, prefix, odd):
    """Its tries, its kills and when it was enqueued are within what scripts can be told."""
    engine = opening(1)
    await engine.put(parcels(1))
    await redis.hset(f"{prefix}:cio-events:j-p0-00000", mapping={"atm": odd, "timestamp": odd, "stc": odd})
    consumer = await started(engine)
    [got] = await consumer.take(1, 5)
    await consumer.note_failure(got, got.attempts + 1, "500")
    await consumer.settle([Done(got, max(0.0, time.time() - got.enqueued_at))])
    assert (await engine.totals()).done == 1
    await consumer.close()


async def test_what_says_nothing_is_as_if_not_said():
    """NaN says nothing about how many are kept: a dead letter is not deleted for it."""
    keeping = Keeping(10, 20, 5, 2.0)
    assert terms('{"removeOnFail": {"count": NaN}, "removeOnComplete": NaN}', keeping).failed == {"count": 20}
    assert delivery("1", {"timestamp": "1500", "atm": "2"}, terms("", keeping), None).enqueued_at == 1.5


async def test_a_reason_with_half_a_character(opening, parcels, started):
    """A lone surrogate in what a server said does not keep the settlements beside it from the queue."""
    engine = opening(1)
    await engine.put(parcels(2))
    consumer = await started(engine)
    one, two = await consumer.take(2, 5)
    await consumer.settle([Dead(one, "400 \ud83d cannot be", 1), Done(two, 0.1)])
    assert [letter.reason for letter in await engine.dead_letters()] == ["400 ? cannot be"]
    assert (await engine.totals()).done == 1
    await consumer.close()


async def test_a_server_whose_file_with_its_number_is_gone(tmp_path):
    """It is asked for its number; leaving does not wait for ever."""
    server = Embedded(Path(tmp_path) / "own")
    server.start()
    (server.folder / "server.pid").unlink()
    await asyncio.wait_for(asyncio.to_thread(server.stop), 60)
    assert server._gone()


@pytest.mark.parametrize("shards", [1, 2])
async def test_what_must_fail_cannot_be_buried_now(opening, parcels, started, redis, prefix, shards, monkeypatch):
    """Whatever the server answers, the others are taken, and it is buried later."""
    engine = opening(shards)
    await engine.put(parcels(3))
    consumer = await started(engine)
    [base] = [base for base in engine._names.bases if await redis.exists(f"{base}j-p0-00000")]
    await redis.hset(f"{base}j-p0-00000", "defa", "its parent failed")
    settle, refusals = consumer.settle, [QueueError("redis: got 'ERR'; expected the answer of a script; try another server")]

    async def refused(settlements: Any) -> None:
        if settlements and refusals:
            raise refusals.pop()
        await settle(settlements)

    monkeypatch.setattr(consumer, "settle", refused)
    done: list[str] = []
    async with asyncio.timeout(30):
        while len(done) < 2 or (await engine.depth())[State.FAILED] < 1:
            got = await consumer.take(5, 0.5)
            done += [each.id for each in got]
            await consumer.settle([Done(each, 0.1) for each in got])
    assert done == ["j-p0-00001", "j-p0-00002"]
    await consumer.close()


async def test_a_server_that_stands_still_while_a_delayed_job_falls_due(opening, parcels, tmp_path):
    """The waiting worker says that the queue cannot be reached, and does not ask again and again in vain."""
    with Embedded(Path(tmp_path) / "own") as server:
        engine = opening(2, source=server.url, lease=0.5, lock=0.5, connect_timeout=1.0)
        await engine.put(parcels(1, delay=4.0))
        consumer = engine.consumer("w")
        await consumer.start()
        assert await consumer.take(1, 0.2) == []
        fetches, fetch = 0, consumer._fetch

        async def counted(most: int) -> Any:
            nonlocal fetches
            fetches += 1
            return await fetch(most)

        consumer._fetch = counted
        waiting = asyncio.create_task(consumer.take(1, 30))
        while not fetches:
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)  # it waits at the marker; should the machine be too slow for that, less is tested
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(QueueUnavailable):
                await waiting
            with pytest.raises(QueueUnavailable):
                await consumer.take(1, 1)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert fetches < 100
        async with asyncio.timeout(60):
            got: list[Any] = []
            while not got:
                try:
                    got = await consumer.take(1, 1)
                except QueueUnavailable:
                    await asyncio.sleep(0.1)
        await consumer.close()
        await engine.aclose()
