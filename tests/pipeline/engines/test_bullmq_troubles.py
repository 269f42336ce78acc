"""A server that is gone, comes back, is full, is a replica, or wants a password: a clear error, and nothing lost."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from pytest_cio_load.errors import QueueError, QueueFull, QueueReadOnly, QueueUnavailable
from pytest_cio_load.pipeline.engines.embedded import Embedded
from pytest_cio_load.pipeline.engines.engine import Done, Parcel

pytestmark = pytest.mark.asyncio


@pytest.fixture
def server(tmp_path) -> Iterator[Callable[..., Embedded]]:
    """Starts servers that a test may do anything to."""
    made: list[Embedded] = []

    def start(name: str = "own", **settings: str) -> Embedded:
        made.append(Embedded(Path(tmp_path) / name, settings={key.replace("_", "-"): value for key, value in settings.items()}))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.fixture
def nobody() -> str:
    """The URL of a port that nobody listens on; with a password."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"redis://user:secret-word@127.0.0.1:{free.getsockname()[1]}"


async def patiently(ask: Callable[[], Any]) -> Any:
    """What *ask* gives once the queue can be reached again."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await ask()
            except QueueUnavailable:
                await asyncio.sleep(0.05)


async def all_done(consumer, many: int) -> list[str]:
    ids: list[str] = []
    while len(ids) < many:
        got = await patiently(lambda: consumer.take(20, 0.5))
        await patiently(lambda got=got: consumer.settle([Done(each, 0.1) for each in got]))
        ids += [each.id for each in got]
    return ids


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_server_that_is_gone_at_the_start(opening, parcels, nobody, shards):
    """Everything says so, with host and port and without the password."""
    engine = opening(shards, source=nobody, connect_timeout=2.0)
    where = nobody.rpartition("@")[2]
    consumer = engine.consumer("w")
    asked = (engine.put(parcels(1)), consumer.start(), engine.depth(), engine.age(), engine.totals(), engine.dead_letters())
    for each in asked:
        with pytest.raises(QueueUnavailable) as caught:
            await each
        text = str(caught.value)
        assert text.startswith(f"redis {where}: got no connection (")
        assert text.endswith("; expected a Redis or Valkey; start it, or look at the URL")
        assert "secret" not in text
    assert "secret" not in repr(engine)
    await consumer.close()


async def test_a_server_that_does_not_answer(opening, parcels):
    """It is waited for no longer than told."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        engine = opening(1, source=f"redis://127.0.0.1:{silent.getsockname()[1]}", connect_timeout=0.2)
        async with asyncio.timeout(30):
            with pytest.raises(QueueUnavailable, match=r"got no answer in time; expected a Redis or Valkey; look at the server"):
                await engine.put(parcels(1))


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_server_that_is_killed_and_started_again(opening, parcels, server, shards):
    """In mid-run: everything that was stored is done, in order; nobody has to be told."""
    own = server(appendfsync="always")
    engine = opening(shards, source=own.url, connect_timeout=2.0)
    consumer = engine.consumer("w")
    await engine.put(parcels(60, 3))
    await consumer.start()
    first = await all_done(consumer, 40)
    held = await consumer.take(20, 5)
    own.kill()
    with pytest.raises(QueueUnavailable):
        await consumer.settle([Done(each, 0.1) for each in held])
    with pytest.raises(QueueUnavailable):
        await consumer.take(10, 5)
    with pytest.raises(QueueUnavailable):
        await engine.put(parcels(1))
    own.start()
    await patiently(lambda: consumer.settle([Done(each, 0.1) for each in held]))
    # What the settlement did not find ours any more is taken again.
    rest = await all_done(consumer, 180 - (await engine.totals()).done)
    totals = await engine.totals()
    assert (totals.done, totals.dead) == (180, 0)
    assert len({*first, *rest, *(each.id for each in held)}) == 180
    await consumer.close()


async def test_a_take_that_waits_notices_that_the_server_is_gone(opening, server):
    """At once, not when its time is over."""
    own = server()
    engine = opening(1, source=own.url, connect_timeout=2.0)
    consumer = engine.consumer("w")
    await consumer.start()
    taking = asyncio.create_task(consumer.take(5, 3600))
    await asyncio.sleep(0.2)
    own.kill()
    async with asyncio.timeout(30):
        with pytest.raises(QueueUnavailable):
            await taking
    await consumer.close()


async def test_leaving_a_server_that_is_gone_ends(opening, parcels, server, caplog):
    """With a warning that says what becomes of what was taken."""
    own = server()
    engine = opening(4, source=own.url, connect_timeout=2.0)
    await engine.put(parcels(3))
    consumer = engine.consumer("w")
    await consumer.start()
    assert await consumer.take(5, 5)
    own.kill()
    with caplog.at_level(logging.WARNING, "pytest_cio_load.pipeline"):
        await consumer.close()
    assert "leaving the queue cio-events: redis 127.0.0.1:" in caplog.text
    assert "; what was under way is taken again once locks have lapsed" in caplog.text


async def test_an_answer_that_was_lost_loses_no_job(opening, parcels, monkeypatch):
    """What was taken without our knowing goes back to the head, in order, at the next take."""
    engine = opening(4)
    await engine.put(parcels(10, 3))
    consumer = engine.consumer("w")
    await consumer.start()
    run = engine._link.run

    async def lost(name, *rest, **more):
        answer = await run(name, *rest, **more)
        if name == "take":
            raise QueueUnavailable("the connection broke before the answer was read")
        return answer

    monkeypatch.setattr(engine._link, "run", lost)
    with pytest.raises(QueueUnavailable):
        await consumer.take(8, 1)
    monkeypatch.undo()
    ids = await all_done(consumer, 30)
    for person in range(3):
        assert [id for id in ids if f"-p{person}-" in id] == [f"j-p{person}-{turn:05d}" for turn in range(10)]
    assert (await engine.totals()).redelivered == 0
    await consumer.close()


@pytest.mark.parametrize("shards", [1, 4])
async def test_scripts_that_were_flushed_are_loaded_again(opening, parcels, redis: Redis, shards):
    """As after a start of the server."""
    engine = opening(shards)
    consumer = engine.consumer("w")
    await consumer.start()
    await redis.script_flush()
    await engine.put(parcels(3))
    await redis.script_flush()
    got = await consumer.take(5, 5)
    await redis.script_flush()
    await consumer.settle([Done(each, 0.1) for each in got])
    assert (await engine.totals()).done == 3
    await consumer.close()


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_full_server_takes_nothing_and_can_be_emptied(opening, server, shards):
    """Producers are refused; workers take and settle what is there, and then there is room again."""
    own = server()
    engine = opening(shards, source=own.url, keep_done=0)
    consumer = engine.consumer("w")
    await consumer.start()
    stored = 0
    async with Redis.from_url(own.url, decode_responses=True, protocol=2) as client:
        await client.config_set("maxmemory", (await client.info("memory"))["used_memory"] + 4_000_000)
        try:
            for at in range(10_000):
                await engine.put([Parcel(f"j-{at}", "track", f'"{"x" * 5000}"', str(at))])
                stored += 1
        except QueueFull as full:
            said = str(full)
    assert said.endswith("its memory is full (maxmemory); expected room for jobs; raise maxmemory, or let workers empty the queue")
    ids = await all_done(consumer, stored)
    assert len(set(ids)) == stored > 100
    await engine.put([Parcel("j-room", "track", "{}", "x")])
    assert (await engine.totals()).enqueued == stored + 1
    await consumer.close()


async def test_a_replica_takes_no_jobs(opening, parcels, server):
    """Its own error for producers and for a worker that starts; looking works."""
    first = server("primary")
    port = first.url.rpartition(":")[2]
    second = server("replica", replicaof=f"127.0.0.1 {port}")
    await opening(4, source=first.url).put(parcels(3))
    replica = opening(4, source=second.url)

    async def copied() -> bool:
        return sum((await replica.depth()).values()) == 3

    async with asyncio.timeout(60):
        while not await copied():
            await asyncio.sleep(0.05)
    expected = r"got an answer that it is a replica, which takes no writes; expected the primary; use its URL"
    consumer = replica.consumer("w")
    for asked in (replica.put(parcels(1)), consumer.start()):
        with pytest.raises(QueueReadOnly, match=expected):
            await asked
    with pytest.raises(QueueReadOnly, match=expected):
        await opening(4, source=second.url, prefix="new").put(parcels(1))
    await consumer.close()


async def test_a_worker_waits_while_the_server_takes_no_writes(opening, parcels, server):
    """A primary that became a replica is one to wait for, as after a failover."""
    own = server()
    engine = opening(1, source=own.url)
    await engine.put(parcels(2))
    consumer = engine.consumer("w")
    await consumer.start()
    [got] = await consumer.take(1, 5)
    async with Redis.from_url(own.url, decode_responses=True, protocol=2) as client:
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        for asked in (consumer.take(1, 1), consumer.settle([Done(got, 0.1)]), consumer.note_failure(got, 1, "500")):
            with pytest.raises(QueueUnavailable, match="it is a replica"):
                await asked
        await client.execute_command("REPLICAOF", "NO", "ONE")
    await consumer.settle([Done(got, 0.1)])
    assert (await engine.totals()).done == 1
    await consumer.close()


async def test_a_wrong_password(opening, parcels, server):
    """Neither one is shown."""
    own = server()
    async with Redis.from_url(own.url, protocol=2) as client:
        await client.config_set("requirepass", "right-word")
    address = own.url.removeprefix("redis://")
    with pytest.raises(QueueUnavailable, match=r"it wants a password; expected one in the URL; try redis://:PASSWORD@HOST"):
        await opening(1, source=own.url).put(parcels(1))
    with pytest.raises(QueueUnavailable, match=r"it refuses the name or the password; expected those of a user; look at the URL") as caught:
        await opening(1, source=f"redis://:wrong-word@{address}").put(parcels(1))
    assert "word@" not in str(caught.value)
    await opening(1, source=f"redis://:right-word@{address}").put(parcels(1))


async def test_a_policy_that_deletes_jobs_is_warned_about(opening, parcels, server, caplog):
    """Once."""
    own = server(maxmemory_policy="allkeys-lru")
    engine = opening(1, source=own.url)
    with caplog.at_level(logging.WARNING, "pytest_cio_load.pipeline"):
        await engine.put(parcels(2))
        await engine.put(parcels(1))
    assert caplog.text.count("got maxmemory-policy allkeys-lru, which deletes jobs; expected noeviction; set it there") == 1


async def test_an_answer_that_means_nothing(opening, parcels, redis: Redis, prefix):
    """Somebody else's key in the way is no trouble of the network."""
    engine = opening(1)
    await redis.set(f"{prefix}:cio-events:wait", "no list")
    with pytest.raises(QueueError, match=r"got 'WRONGTYPE .*'; expected the answer of a script; try a Redis 6.2") as caught:
        await engine.put(parcels(1))
    assert not isinstance(caught.value, QueueUnavailable)
