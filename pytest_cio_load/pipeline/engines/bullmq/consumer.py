"""A worker's hold on a BullMQ queue: many jobs in one call, nothing lost when it is cancelled, cut off or killed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from secrets import token_hex
from typing import Any

from pytest_cio_load.errors import QueueError, QueueFull, QueueReadOnly, QueueUnavailable
from pytest_cio_load.pipeline.engines.bullmq.held import STALLED, Held, Place, Spans
from pytest_cio_load.pipeline.engines.bullmq.jobs import Keeping, Names, delivery, fields, kills, terms
from pytest_cio_load.pipeline.engines.bullmq.keeper import Keeper
from pytest_cio_load.pipeline.engines.bullmq.link import Link
from pytest_cio_load.pipeline.engines.bullmq.marker import Marker
from pytest_cio_load.pipeline.engines.bullmq.scripts import packed
from pytest_cio_load.pipeline.engines.bullmq.settling import in_order, place_of, written
from pytest_cio_load.pipeline.engines.engine import KILLS, Back, Dead, Delivery, Settlement, killed

_LOG = logging.getLogger("pytest_cio_load.pipeline")


class BullMQConsumer:
    """Takes jobs of a queue, keeps them locked, and settles them. Made by ``BullMQEngine.consumer``.

    Args:
        link: connections to the server.
        names: keys of the queue.
        keeping: what becomes of finished jobs.
        spans: how long leases and locks last.
        worker: a name that no other worker has.
        ready: checks the queue's form.

    Attributes:
        repeats_in_place: in the ordered form.
        passed_over: settlements of jobs that were not ours any more.
        closed: it has no connection of its own any more.
    """

    parks = False

    def __init__(self, link: Link, names: Names, keeping: Keeping, spans: Spans, worker: str, ready: Callable[[], Awaitable[None]]) -> None:
        self.repeats_in_place = names.shards > 1
        self.passed_over = 0
        # A worker that is started again under its name is another one: what the first one held has to be recovered.
        self._worker = f"{worker}:{token_hex(4)}"
        self._link, self._names, self._keeping, self._spans, self._ready = link, names, keeping, spans, ready
        self._keeper = Keeper(link, names, spans, self._worker)
        self._marker = Marker(link)
        self._fetching: asyncio.Task[list[Delivery]] | None = None
        self._spare: list[Delivery] = []
        self._turn = self._fetches = 0
        # The shard that was first when something was taken last.
        self._last = -1
        self._closed = False
        self.closed = False

    async def start(self) -> None:
        """Connect and join. Raises QueueUnavailable, QueueReadOnly, QueueMismatch."""
        await self._ready()
        await self._keeper.start()

    async def take(self, most: int, wait: float) -> list[Delivery]:
        """Take up to *most* jobs; those of a shard in order. Waits up to *wait* seconds for the first one. Nothing is lost when cancelled.

        Raises:
            QueueUnavailable: the server cannot be reached now, or takes no writes.
        """
        end = time.monotonic() + wait
        while not self._closed:
            self._keeper.check()
            self._keeper.changed.clear()
            if got := await self._fetched(most):
                return got
            if (left := end - time.monotonic()) <= 0:
                break
            await self._marker.wait(self._keeper.held(), left, self._keeper.changed)
        return []

    async def _fetched(self, most: int) -> list[Delivery]:
        """What was taken. A caller that is cancelled leaves it for the next one."""
        if not self._spare:
            if self._fetching is None:
                self._fetching = asyncio.create_task(self._fetch(most))
            task = self._fetching
            # A caller may be cancelled in the very moment in which it is done: then it is left here all the same.
            await asyncio.wait([task])
            self._fetching = None
            self._spare = task.result()
        got, self._spare = self._spare[:most], self._spare[most:]
        return [each for each in got if self.holds(each)]

    async def _fetch(self, most: int) -> list[Delivery]:
        async with self._keeper.lock:
            await self._keeper.tidy()
            now = time.monotonic()
            queues = []
            for held in self._keeper.held():
                if self._spans.may_take(held, now):
                    queues.append(held)
                else:
                    held.due = 0  # or the waiting would end at once, again and again
            if not queues:
                return []
            # Another one is first each time, so that none waits for the others.
            first = next((place for place, held in enumerate(queues) if held.shard > self._last), 0)
            queues = queues[first:] + queues[:first]
            self._last = queues[0].shard
            self._fetches += 1
            token = f"{self._worker}:{self._fetches}"
            opts = packed({"token": token, "lockDuration": round(self._spans.lock * 1000)})
            for held in queues:
                held.doubtful = True
            request = [most, str(round(time.time() * 1000)), opts, self._worker, [[held.base, held.lease] for held in queues]]
            answers = await self._run("take", [self._names.own("none")], request, repeatable=False)
            got = [each for held, answer in zip(queues, answers, strict=True) for each in self._read(held, answer, token, now)]
        return await self._without_killers(got)

    def _read(self, held: Held, answer: list[Any], token: str, asked_at: float) -> list[tuple[Delivery, str]]:
        """What came from one queue, each with what BullMQ says of a job that must fail, or ""."""
        mine, due, flat = answer
        held.doubtful, held.due = False, int(due)
        if not mine:
            self._keeper.lose(held)
        got = []
        for hash_, id in zip(flat[::2], flat[1::2], strict=True):
            job = fields(hash_)
            self._turn += 1
            place = Place(held, id, token, self._turn, asked_at, kills(job), terms(job.get("opts", ""), self._keeping))
            # A shard that was lost while it answered is recovered by whoever has it next.
            if not held.lost:
                held.taken[id] = place
                got.append((delivery(id, job, place.terms, place), job.get("defa", "")))
        return got

    async def _without_killers(self, got: list[tuple[Delivery, str]]) -> list[Delivery]:
        """What may be tried; the others are dead letters now."""
        failed = [Dead(each, killed(KILLS) if said == STALLED else said, each.attempts) for each, said in got if said]
        try:
            await self.settle(failed)
        except QueueError:
            # They go back, and whoever takes them next buries them.
            for each in failed:
                self._keeper.forsake(place_of(each))
        return [each for each, said in got if not said]

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Settle jobs, all in one moment. Those that are not ours any more are passed over.

        Raises:
            QueueUnavailable: the same settlements may be given again.
            TypeError: a job was taken by another engine.
        """
        if not settlements:
            return
        ordered = in_order(settlements)
        items = [written(each, self._keeping.attempts) for each in ordered]
        request = [str(round(time.time() * 1000)), round(self._spans.lock * 1000), items]
        own = self._names.own
        codes = await self._run("settle", [own("totals"), own("latency"), own("none")], request)
        for each, code in zip(ordered, codes, strict=True):
            self.passed_over += int(code) < 0
            place = place_of(each)
            if place.held.taken.get(place.id) is place:
                del place.held.taken[place.id]
            if isinstance(each, Back):
                # What was given back to be taken apart comes first, or there might always be others before it.
                self._last = place.held.shard - 1

    async def note_failure(self, delivery: Delivery, attempts: int, reason: str) -> None:
        """Write on the job how often it was tried, for whoever takes it next. Raises QueueUnavailable."""
        place = delivery.place
        if isinstance(place, Place):
            keys = [self._names.own("totals"), place.held.base + delivery.id, self._names.own("none")]
            await self._run("note", keys, [place.token, attempts, reason])

    async def _run(self, name: str, keys: Sequence[str], request: object, *, repeatable: bool = True) -> Any:
        """Run a script; a server that takes no writes now, after a failover for example, is one to wait for."""
        try:
            return await self._link.run(name, keys, request, repeatable=repeatable)
        except (QueueFull, QueueReadOnly) as error:
            raise QueueUnavailable(str(error)) from error

    def holds(self, delivery: Delivery) -> bool:
        """Whether the job is still ours for certain: its lock and its shard's lease were renewed lately enough.

        Once this is False it stays so: the job goes back, and is taken again.
        """
        place = delivery.place
        if not isinstance(place, Place):
            return False
        if self._spans.holds(place, time.monotonic()):
            return not self._closed
        self._keeper.forsake(place)
        return False

    def kill(self) -> None:
        """Behave as if the worker's process had been killed: what it holds is taken again once its locks have lapsed."""
        self._closed = True
        self._keeper.kill()

    async def close(self) -> None:
        """Leave. What was taken and not settled goes back, in order; when the server is gone, it is recovered once locks have lapsed."""
        if self._closed:
            return
        await self.cut_off()
        try:
            await self._keeper.leave()
        except QueueError as error:
            _LOG.warning("leaving the queue %s: %s; what was under way is taken again once locks have lapsed", self._names.name, error)

    async def cut_off(self) -> None:
        """Stop renewing and waiting, and close what is ours; give nothing back."""
        self._closed = True
        await self._keeper.stop()
        if self._fetching is not None:
            await asyncio.wait([self._fetching])
            with contextlib.suppress(Exception, asyncio.CancelledError):
                self._fetching.result()
            self._fetching = None
        await self._marker.close()
        self.closed = True
