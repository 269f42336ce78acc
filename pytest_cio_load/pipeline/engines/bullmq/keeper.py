"""Keeps what a worker holds: renews leases and locks, takes and gives back shards, and recovers what the dead have left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from typing import Any

from pytest_cio_load.errors import QueueError
from pytest_cio_load.pipeline.engines.bullmq.held import Held, Place, Spans
from pytest_cio_load.pipeline.engines.bullmq.jobs import Names
from pytest_cio_load.pipeline.engines.bullmq.leases import plan
from pytest_cio_load.pipeline.engines.bullmq.link import Link
from pytest_cio_load.pipeline.engines.bullmq.pardons import Pardons
from pytest_cio_load.pipeline.engines.engine import KILLS, killed

_LOG = logging.getLogger("pytest_cio_load.pipeline")
_LOOK_FOR_STALLED = 2.0


class Keeper:
    """The queues that a worker takes from.

    Args:
        link: connections to the server.
        names: keys of the queue.
        spans: how long leases and locks last.
        worker: a name that no other worker has, nor had.

    Attributes:
        changed: set whenever other queues may be taken from.
        lock: held by whoever takes from the queues, or changes which they are.
    """

    def __init__(self, link: Link, names: Names, spans: Spans, worker: str) -> None:
        self.changed = asyncio.Event()
        self.lock = asyncio.Lock()
        self._link, self._names, self._spans, self._worker = link, names, spans, worker
        self._held: dict[int, Held] = {}
        self._forsaken: list[Place] = []
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._pardons = Pardons(link, names.own("none"), spans.patience)
        self._leases = names.leases()
        if not self._leases:
            self._held[0] = Held(0, names.bases[0])

    def held(self) -> list[Held]:
        """The queues, by number."""
        return [self._held[shard] for shard in sorted(self._held)]

    def lose(self, held: Held) -> None:
        """A shard is somebody else's, or may be."""
        held.lost = True
        self._pardons.add(held.taken.values(), time.monotonic())
        if self._held.get(held.shard) is held:
            del self._held[held.shard]
            self.changed.set()

    def forsake(self, place: Place) -> None:
        """A job was not ours for certain when it was asked, so nobody here will settle it: it goes back once we are heard again.

        In a shard all that was taken goes back with it, or what follows it would overtake it.
        """
        held = place.held
        if held.lost or held.taken.get(place.id) is not place:
            return
        if not held.lease:
            self._forsaken.append(held.taken.pop(place.id))
            self._pardons.add([place], time.monotonic())
            return
        held.lost = True
        self._pardons.add(held.taken.values(), time.monotonic())
        if self._held.get(held.shard) is held:
            fresh = Held(held.shard, held.base, held.lease, renewed=float("-inf"), leaving=held.leaving, doubtful=True)
            self._held[held.shard] = fresh

    async def start(self) -> None:
        """Join, and go on renewing until :meth:`stop`. Raises QueueUnavailable, QueueReadOnly."""
        await self._beat()
        if self._task is None:
            self._stopped = False
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Renew no longer."""
        self._stopped = True
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                # What has ended it was raised by :meth:`check`.
                await task

    def check(self) -> None:
        """Raises what has ended the renewing, if anything has: without it nothing may be taken any more."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    def kill(self) -> None:
        """Renew no longer, from this moment on."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _keep(self) -> None:
        well = True
        # Before Python 3.12 a cancellation may be lost in a command whose answer comes in the same moment.
        while not self._stopped:
            await asyncio.sleep(self._spans.beat)
            try:
                await self._beat()
                well = True
            except QueueError as error:
                if well:
                    _LOG.warning("renewing what is held of the queue %s: %s", self._names.name, error)
                well = False

    async def _beat(self) -> None:
        asked_at = time.monotonic()
        held = self.held()
        places = [list(each.taken.values()) for each in held]
        locks = [[each.base, [p.token for p in mine], [p.id for p in mine]] for each, mine in zip(held, places, strict=True)]
        shards = [each.shard + 1 for each in held if each.lease]
        request = [self._worker, _ms(self._spans.lease), _ms(self._spans.lock), self._leases, shards, locks]
        own = self._names.own
        alive, owners, lost, broken = await self._link.run("beat", [own("workers"), own("none")], request)
        for each, mine, ids in zip(held, places, broken, strict=True):
            self._renewed(each, mine, asked_at, ids, each.shard + 1 in lost)
        if self._leases:
            await self._share(owners, alive)
        else:
            await self._look_for_stalled()
        await self._pardons.ask(time.monotonic())

    async def _look_for_stalled(self) -> None:
        if self._forsaken:
            several = list(self._forsaken)
            await self._back(several)
            # More may have been forsaken meanwhile.
            del self._forsaken[: len(several)]
        now = str(round(time.time() * 1000))
        request = [self._names.bases[0], str(KILLS - 1), now, str(_ms(_LOOK_FOR_STALLED))]
        await self._link.run("stalled", [self._names.own("totals"), self._names.own("none")], request)

    def _renewed(self, held: Held, places: Iterable[Place], asked_at: float, broken: list[str], lost: bool) -> None:
        if lost:
            _LOG.warning("shard %d of the queue %s was lost: it was not renewed in time", held.shard, self._names.name)
            self.lose(held)
            return
        held.renewed = asked_at
        for place in places:
            if place.id not in broken:
                place.renewed = asked_at
            else:
                self.forsake(place)

    async def _share(self, owners: list[str], alive: list[str]) -> None:
        leaving = [each.shard for each in self.held() if each.leaving is not None]
        todo = plan(self._worker, owners, alive, leaving)
        now = time.monotonic()
        for shard in todo.give_back:
            if (mine := self._held.get(shard)) is not None:
                mine.leaving = now
                self.changed.set()
        async with self.lock:
            for shard in todo.acquire:
                if shard not in self._held:
                    await self._acquire(shard)
            await self.tidy()
            ready, late = self._spans.to_release(self.held(), time.monotonic())
            await self.give_back(late)
            await self._release(ready + late)

    async def _acquire(self, shard: int) -> None:
        held = Held(shard, self._names.bases[shard], self._names.lease(shard), time.monotonic())
        mine, returned, dead = await self._recover(held, acquire=True)
        if not mine:
            return
        if returned or dead:
            what = f"{returned} jobs that were under way are taken again, {dead} are given up"
            _LOG.warning("shard %d of the queue %s: %s", shard, self._names.name, what)
        self._held[shard] = held
        self.changed.set()

    async def tidy(self) -> None:
        """Put back what was taken from shards without our knowing. Raises QueueUnavailable."""
        for held in self.held():
            if held.doubtful and held.lease:
                if (await self._recover(held, acquire=False))[0]:
                    held.doubtful = False
                else:
                    self.lose(held)

    async def _recover(self, held: Held, *, acquire: bool) -> tuple[bool, int, int]:
        own = self._names.own
        keys = [own("totals"), held.lease, own("owners"), own("none")]
        stays = list(held.taken)
        request = [held.base, self._worker, _ms(self._spans.lease), held.shard, int(acquire), stays, KILLS, killed(KILLS)]
        # Asked twice, a lease that was got the first time would look like somebody else's, until it lapses.
        answer: list[Any] = await self._link.run("recover", keys, request, repeatable=not acquire)
        return bool(answer[0]), int(answer[1]), int(answer[2])

    async def give_back(self, queues: Iterable[Held]) -> None:
        """Put back what was taken from these queues and not settled, in order. Raises QueueUnavailable."""
        places = [place for held in queues for place in held.taken.values()]
        await self._back(places)
        for place in places:
            place.held.taken.pop(place.id, None)

    async def _back(self, places: Iterable[Place]) -> None:
        # Each is put before the one that was put back before it.
        items = [["back", each.held.base, each.id, each.token] for each in sorted(places, key=lambda place: -place.turn)]
        if items:
            own = self._names.own
            await self._link.run("settle", [own("totals"), own("latency"), own("none")], ["0", _ms(self._spans.lock), items])

    async def _release(self, queues: list[Held], *, leave: bool = False) -> None:
        if queues or leave:
            for held in queues:
                self.lose(held)
            leases = [[held.shard, held.lease] for held in queues if held.lease]
            own = self._names.own
            await self._link.run("leave", [own("workers"), own("owners")], [self._worker, leases, int(leave)])

    async def leave(self) -> None:
        """Put everything back, and let go of it. Raises QueueUnavailable."""
        await self.tidy()
        await self.give_back(self.held())
        await self._back(self._forsaken)
        await self._release(self.held(), leave=True)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
