"""A queue on Redis or Valkey in BullMQ's own form, so that producers and workers on Node take part."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from pytest_cio_load.errors import QueueMismatch
from pytest_cio_load.pipeline.engines.bullmq import letters as burial
from pytest_cio_load.pipeline.engines.bullmq.consumer import BullMQConsumer
from pytest_cio_load.pipeline.engines.bullmq.held import Spans
from pytest_cio_load.pipeline.engines.bullmq.jobs import Keeping, Names, stored
from pytest_cio_load.pipeline.engines.bullmq.link import Link
from pytest_cio_load.pipeline.engines.bullmq.scripts import port
from pytest_cio_load.pipeline.engines.engine import DEFAULT_QUEUE, SHARDS, DeadLetter, Parcel, State, Totals, check_queue_name

TOGETHER = 500
"""Jobs stored by one call of the server: it answers nobody else meanwhile."""

_LOG = logging.getLogger("pytest_cio_load.pipeline")


class BullMQEngine:
    """A BullMQ queue.

    Two forms. *Plain* (``shards=1``): one BullMQ queue called *name*; any worker takes any job, Node's too; delays, priorities and retries
    are BullMQ's own; the order of a person's jobs is not kept between workers. *Ordered* (``shards`` of 2 and more): the BullMQ queues
    ``{name}-0`` to ``{name}-{shards-1}``; a person's jobs are in one of them (``shard_of``), and each is worked on by one worker at a time,
    which has its lease. Node's producers may add to both forms; Node's workers should take from the plain one only, since they know nothing
    of leases.

    Leases, ages and recovery go by the server's clock. BullMQ's own timestamps (``timestamp``, when a delayed job falls due) are those of
    the machines that write them: keep their clocks together.

    All keys of a queue have to be on one server. A Redis Cluster needs a *prefix* with a hash tag, such as ``{bull}``, which our own keys
    carry too, and the URL of the node that holds it.

    Args:
        source: a URL, or a ``redis.asyncio.Redis`` whose settings are taken over.
        name: of the queue.
        shards: parts; they cannot be changed once the queue is there.
        prefix: of BullMQ's keys.
        keep_done: completed jobs that are kept, in each part.
        keep_failed: dead letters that are kept, in each part.
        attempts: tries of a job; Node's workers go by it.
        backoff: seconds before the second try; doubled after every further one.
        lease: seconds after which a shard whose worker is silent is taken over.
        lock: seconds after which a job whose worker is silent may be taken again.
        connect_timeout: seconds to wait for a connection, and for an answer.

    Raises:
        ValueError: the name, the URL or a number makes no sense.
        ImportError: bullmq or redis is not installed; the text names the extra.
    """

    clock_is_ours = False

    def __init__(
        self,
        source: Any,
        name: str = DEFAULT_QUEUE,
        *,
        shards: int = SHARDS,
        prefix: str = "bull",
        keep_done: int = 10_000,
        keep_failed: int = 50_000,
        attempts: int = 5,
        backoff: float = 2.0,
        lease: float = 5.0,
        lock: float = 6.0,
        connect_timeout: float = 10.0,
    ) -> None:
        self.name = check_queue_name(name)
        if not 1 <= shards <= 1024:
            raise ValueError(f"shards: got {shards}; expected 1 (order is not kept) to 1024; try {SHARDS}")
        if attempts < 1:
            raise ValueError(f"attempts: got {attempts}; expected at least 1, the first try itself; try 5")
        port()
        self._names = Names(name, prefix, shards)
        self._keeping = Keeping(keep_done, keep_failed, attempts, backoff)
        self._spans = Spans(lease, lock)
        self._link = Link(source, connect_timeout)
        self._consumers: set[BullMQConsumer] = set()
        self._known = False
        self._knowing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"BullMQEngine({self._link.where}, {self.name!r}, shards={self._names.shards})"

    @property
    def where(self) -> str:
        """Host and port; never a password."""
        return self._link.where

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Store jobs, in order. One whose id is there already, or was finished lately, is not stored again.

        Raises:
            QueueUnavailable, QueueFull, QueueReadOnly: any part of them may have been stored, and they may be given again.
            QueueMismatch: the queue has another number of shards.
        """
        if not self._known:
            await self._check()
        keys, now = [self._names.own("totals")], time.time()
        for start in range(0, len(parcels), TOGETHER):
            several = [stored(self._names, self._keeping, each, now) for each in parcels[start : start + TOGETHER]]
            await self._link.run("put", keys, several)

    def consumer(self, worker: str) -> BullMQConsumer:
        """A hold for one worker. *worker*: a name that no other one has."""
        self._consumers = {each for each in self._consumers if not each.closed}
        made = BullMQConsumer(self._link, self._names, self._keeping, self._spans, worker, self._check)
        self._consumers.add(made)
        return made

    async def depth(self) -> dict[State, int]:
        """Jobs by state, over all shards. Raises QueueUnavailable, QueueMismatch."""
        await self._check(writes=False)

        async def counts() -> Any:
            pipe = self._link.client.pipeline(transaction=False)
            for base in self._names.bases:
                pipe.llen(f"{base}wait").llen(f"{base}paused").zcard(f"{base}prioritized").zcard(f"{base}delayed")
                pipe.llen(f"{base}active").zcard(f"{base}completed").zcard(f"{base}failed")
            return await pipe.execute()

        found = await self._link.ask(counts)
        states = (State.WAITING, State.WAITING, State.PRIORITIZED, State.DELAYED, State.ACTIVE, State.COMPLETED, State.FAILED)
        depth = dict.fromkeys(State, 0)
        for place, many in enumerate(found):
            depth[states[place % len(states)]] += int(many)
        return depth

    async def age(self) -> float:
        """Seconds since the oldest job that waits was enqueued; 0.0 when none does. Raises QueueUnavailable, QueueMismatch."""
        await self._check(writes=False)
        oldest, now = await self._link.run("oldest", [self._names.own("none")], list(self._names.bases))
        return max(0.0, (int(now) - int(oldest)) / 1000) if oldest else 0.0

    async def totals(self) -> Totals:
        """What all workers have made of jobs so far. Raises QueueUnavailable, QueueMismatch."""
        await self._check(writes=False)

        async def both() -> Any:
            pipe = self._link.client.pipeline(transaction=False)
            pipe.hgetall(self._names.own("totals")).hgetall(self._names.own("latency"))
            return await pipe.execute()

        counts, latency = await self._link.ask(both)
        known = {key: int(counts.get(key, 0)) for key in ("enqueued", "done", "retried", "redelivered", "dead")}
        return Totals(**known, latency={int(micro): int(many) for micro, many in latency.items()})

    async def dead_letters(self, start: int = 0, most: int = 100) -> list[DeadLetter]:
        """Dead letters, the oldest first. Raises QueueUnavailable, QueueMismatch."""
        await self._check(writes=False)
        return await burial.listed(self._link, self._names, start, most)

    async def replay(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters back to be tried from the beginning; how many were still there.

        Raises QueueUnavailable; ValueError for a letter of another queue.
        """
        await self._check()
        return await burial.replayed(self._link, self._names, letters)

    async def discard(self, letters: Sequence[DeadLetter]) -> int:
        """Delete dead letters; how many were still there. Raises QueueUnavailable; ValueError for a letter of another queue."""
        await self._check()
        return await burial.discarded(self._link, self._names, letters)

    async def aclose(self) -> None:
        """Close every connection. Consumers that were not closed are as good as killed: their jobs are taken again."""
        for consumer in self._consumers:
            await consumer.cut_off()
        await self._link.aclose()

    async def _check(self, *, writes: bool = True) -> None:
        """Once: whether the queue that is there has our form; it is noted when there is none, unless nothing is to be written."""
        if self._known:
            return
        async with self._knowing:
            if self._known:
                return
            form = f"v1 shards={self._names.shards}"
            client, key = self._link.client, self._names.own("form")
            there = await self._link.ask(lambda: client.get(key))
            if there is None and writes:
                await self._link.ask(lambda: client.set(key, form, nx=True))
                there = await self._link.ask(lambda: client.get(key))
            if there not in (None, form):
                hint = "use that number of shards, or another name for a new queue"
                raise QueueMismatch(f"queue {self.name}: got {form!r}; expected {there!r}, as it was made; {hint}")
            if there is not None:
                await self._look_at_eviction()
                self._known = True

    async def _look_at_eviction(self) -> None:
        client = self._link.client
        policy = (await self._link.ask(lambda: client.info("memory"))).get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            _LOG.warning("%s: got maxmemory-policy %s, which deletes jobs; expected noeviction; set it there", self._link.where, policy)
