"""What tests of the engines share: one bundled Valkey per test process, and queues on it that no other test sees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from pytest_cio_load.pipeline.engines.bullmq.consumer import BullMQConsumer
from pytest_cio_load.pipeline.engines.bullmq.engine import BullMQEngine
from pytest_cio_load.pipeline.engines.embedded import Embedded
from pytest_cio_load.pipeline.engines.engine import Done, Parcel

Opening = Callable[..., BullMQEngine]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A server for all tests of this process."""
    with Embedded(tmp_path_factory.mktemp("valkey") / "queue") as server:
        yield server


@pytest.fixture
def prefix() -> str:
    """Of the keys of one test."""
    return f"t{uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def opening(valkey: Embedded, prefix: str) -> AsyncIterator[Opening]:
    """Makes engines on this test's keys, and closes them; short spans, so that recovery does not take long."""
    made: list[BullMQEngine] = []

    def engine(shards: int = 4, **settings: Any) -> BullMQEngine:
        settings = {"prefix": prefix, "lease": 2.0, "lock": 2.5, "source": valkey.url, **settings}
        made.append(BullMQEngine(settings.pop("source"), shards=shards, **settings))
        return made[-1]

    yield engine
    for each in made:
        await each.aclose()


@pytest_asyncio.fixture
async def redis(valkey: Embedded) -> AsyncIterator[Redis]:
    """A client, to look at what is stored."""
    async with Redis.from_url(valkey.url, decode_responses=True, protocol=2) as client:
        yield client


@pytest.fixture
def parcels() -> Callable[..., list[Parcel]]:
    """Makes parcels: *many* of each of *people*, in turn; the id says whose and which."""

    def made(many: int, people: int = 1, **fields: Any) -> list[Parcel]:
        return [
            Parcel(f"j-p{person}-{turn:05d}", "track", '{"v":1}', **{"key": f"p{person}", "enqueued_at": time.time(), **fields})
            for turn in range(many)
            for person in range(people)
        ]

    return made


@pytest.fixture
def started() -> Callable[..., Awaitable[BullMQConsumer]]:
    """Makes a worker's hold on a queue, and starts it."""

    async def made(engine: BullMQEngine, worker: str = "w") -> BullMQConsumer:
        consumer = engine.consumer(worker)
        await consumer.start()
        return consumer

    return made


@pytest.fixture
def drained() -> Callable[..., Awaitable[list[str]]]:
    """Takes and settles until so many were done; gives the ids in the order taken."""

    async def done(consumer: BullMQConsumer, many: int, most: int = 50) -> list[str]:
        ids: list[str] = []
        async with asyncio.timeout(30):
            while len(ids) < many:
                got = await consumer.take(most, 0.5)
                ids += [each.id for each in got]
                await consumer.settle([Done(each, 0.01) for each in got])
        return ids

    return done
