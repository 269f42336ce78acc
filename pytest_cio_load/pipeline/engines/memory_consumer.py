"""A worker's hold on a queue in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_cio_load.pipeline.engines.engine import Back, Delivery, Settlement

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.engines.memory import MemoryEngine


class MemoryConsumer:
    """A worker's hold on a queue in memory. Made by :meth:`MemoryEngine.consumer`."""

    repeats_in_place = True
    parks = False

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self._mine: dict[str, Delivery] = {}
        self._killed = False
        self._limbo = 0

    @property
    def taken(self) -> int:
        """Jobs taken and not settled."""
        return len(self._mine) + self._limbo

    async def start(self) -> None:
        """Join."""
        self._engine.join(self)

    async def take(self, most: int, wait: float) -> list[Delivery]:
        """Take up to *most* jobs, those of a person in order; wait up to *wait* seconds for the first one."""
        until = asyncio.get_running_loop().time() + wait
        while True:
            found = [] if self._killed else self._engine.take(self, most)
            self._mine.update((each.id, each) for each in found)
            now = asyncio.get_running_loop().time()
            # Whole microseconds: what is left of a float would be waited for on some machines and not on others.
            left = round(until - now, 6)
            if found or left <= 0:
                return found
            due = self._engine.due()
            await self._engine.arrival(left if due is None else max(0.0, min(left, round(due - now, 6))))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Settle jobs. Those that are no longer ours are passed over."""
        back = []
        for settlement in settlements:
            delivery = self._mine.pop(settlement.delivery.id, None)
            if delivery is None:
                continue
            if isinstance(settlement, Back):
                back.append(delivery)
            else:
                self._engine.settle(settlement)
        self._engine.give_back(back)
        self._free({id(each.delivery.place): each.delivery.place for each in settlements}.values())

    async def note_failure(self, delivery: Delivery, attempts: int, reason: str) -> None:
        """Remember that a try failed and counted."""
        if delivery.id in self._mine:
            self._mine[delivery.id] = replace(self._mine[delivery.id], attempts=attempts)
            self._engine.repeated()

    def holds(self, delivery: Delivery) -> bool:
        """Whether the job is still ours to send."""
        return delivery.id in self._mine

    def kill(self) -> None:
        """Behave as if the worker's process had been killed: its jobs are taken again once its lease has lapsed."""
        if self._killed:
            return
        self._killed = True
        mine, self._mine = list(self._mine.values()), {}
        self._limbo = len(mine)
        asyncio.get_running_loop().call_later(self._engine.lease, self._lapse, mine)

    def _lapse(self, mine: list[Delivery]) -> None:
        self._limbo = 0
        self._engine.recover(mine)
        self._free([each.place for each in mine])
        self._engine.leave(self)

    async def close(self) -> None:
        """Leave. What was taken and not settled goes back, in order."""
        if self._killed:
            return
        mine, self._mine = list(self._mine.values()), {}
        self._engine.give_back(mine)
        self._free([each.place for each in mine])
        self._engine.leave(self)

    def _free(self, parts: Iterable[object]) -> None:
        if self._limbo:
            return
        busy = {id(each.place) for each in self._mine.values()}
        for part in parts:
            if id(part) not in busy:
                self._engine.free(part, self)
