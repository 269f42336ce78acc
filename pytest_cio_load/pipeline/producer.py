"""Enqueueing: operations in, one or many, checked before they are stored, and never more than the queue may hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from pytest_cio_load.customerio.operations.operation import Operation, Ulids
from pytest_cio_load.errors import QueueFull
from pytest_cio_load.pipeline.engines.engine import Engine, Parcel, State
from pytest_cio_load.pipeline.jobs import parcel

TOGETHER = 500
"""Jobs stored in one go, when many are enqueued."""

_LOOK_AGAIN = 0.1
_UNFINISHED = (State.WAITING, State.PRIORITIZED, State.DELAYED, State.ACTIVE)


class WhenFull(Enum):
    """What a producer does while the queue is as deep as it may be."""

    WAIT = "wait"
    REFUSE = "refuse"
    SHED = "shed"


@dataclass(slots=True)
class Enqueued:
    """What a producer has done so far.

    Attributes:
        stored: jobs that the queue has.
        shed: operations that were let go, because the queue was full.
        refused: operations that were refused, because the queue was full.
        waited: seconds spent waiting for room.
    """

    stored: int = 0
    shed: int = 0
    refused: int = 0
    waited: float = 0.0


class Producer:
    """Enqueues operations.

    Args:
        engine: where they go.
        max_depth: jobs that the queue may hold, settled ones not counted; None for any number. It is looked at ten times a second and
            whenever as many were enqueued as there was room for, so several producers together may go beyond it by what they enqueue in
            that time. One producer alone never does, however many enqueue with it at once.
        when_full: wait for room, refuse with QueueFull, or shed: let the operation go, and count it.
        patience: seconds to wait for room at most, then it is refused; None for ever.
        new_id: makes the ids of jobs.
        today: unix seconds.

    Raises:
        ValueError: max_depth is under 1, when_full is none of the three, or patience is under 0.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        max_depth: int | None = None,
        when_full: WhenFull | str = WhenFull.WAIT,
        patience: float | None = None,
        new_id: Callable[[], str] | None = None,
        today: Callable[[], float] = time.time,
    ) -> None:
        if max_depth is not None and max_depth < 1:
            raise ValueError(f"max_depth: got {max_depth}; expected at least 1 job; leave it out for any number")
        if patience is not None and not patience >= 0:
            raise ValueError(f"patience: got {patience}; expected seconds, 0 or more; leave it out to wait for ever")
        try:
            self.when_full = WhenFull(when_full)
        except ValueError:
            raise ValueError(f"when_full: got {when_full!r}; expected wait, refuse or shed; try 'wait'") from None
        self.engine, self.max_depth, self.patience = engine, max_depth, patience
        self.counts = Enqueued()
        self._today = today
        self._new_id = new_id or Ulids(clock=today)
        self._room = 0
        self._admitted = 0
        self._found_full = False
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()

    async def enqueue(self, operation: Operation, *, delay: float = 0.0, priority: int = 0) -> str | None:
        """Store one operation.

        Args:
            operation: made by a function of ``customerio.operations`` or by ``customerio.calls.identify``.
            delay: seconds until it may be sent.
            priority: 0 for none, else 1 (first) to 2,097,152 (last).

        Returns:
            The id of its job, or None when it was shed.

        Raises:
            InvalidOperation: no queue takes it.
            QueueFull: there was no room, and it was not to be shed; or the server's memory is full.
            QueueUnavailable, QueueReadOnly: it cannot be known whether it was stored; enqueueing it again stores an event once.
        """
        made = self._parcel(operation, delay, priority)
        if not await self._admit(1):
            return None
        await self._put([made])
        return made.id

    async def enqueue_many(self, operations: Iterable[Operation] | AsyncIterable[Operation]) -> list[str]:
        """Store many, in order, five hundred at a time. All of a group are checked before any of it is stored.

        What comes slowly is better enqueued one by one: a group is stored once it is full, or nothing more comes.

        Returns:
            The ids of the jobs; those that were shed have none.

        Raises:
            As :meth:`enqueue`; what came before has been stored.
        """
        ids: list[str] = []
        if isinstance(operations, Operation):
            raise TypeError("operations: got one operation; expected several; try enqueue, or write [operation]")
        if isinstance(operations, AsyncIterable):
            group: list[Operation] = []
            async for operation in operations:
                group.append(operation)
                if len(group) == TOGETHER:
                    await self._store(group, ids)
                    group = []
            await self._store(group, ids)
            return ids
        stream = iter(operations)
        while several := list(islice(stream, TOGETHER)):
            await self._store(several, ids)
        return ids

    async def _store(self, operations: list[Operation], ids: list[str]) -> None:
        parcels = [self._parcel(each, 0.0, 0) for each in operations]
        while parcels:
            many = await self._admit(len(parcels))
            if not many:
                return
            await self._put(parcels[:many])
            ids.extend(each.id for each in parcels[:many])
            parcels = parcels[many:]

    async def _put(self, parcels: list[Parcel]) -> None:
        """Store what was admitted."""
        try:
            await self.engine.put(parcels)
        finally:
            self._admitted -= len(parcels)
        self.counts.stored += len(parcels)

    def _parcel(self, operation: Operation, delay: float, priority: int) -> Parcel:
        if not isinstance(operation, Operation):
            got = type(operation).__name__
            raise TypeError(f"operation: got {got}; expected one such as calls.identify(…); make one of a dict with entities.entity(…)")
        return parcel(operation, id=self._new_id(), enqueued_at=self._today(), delay=delay, priority=priority)

    async def _admit(self, many: int) -> int:
        """How many of *many* may be stored now, once that is more than none; 0 when they are shed."""
        if self.max_depth is None:
            self._admitted += many
            return many
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            await self._look(self.max_depth)
            waited = clock() - began
            if self._room > 0:
                admitted = min(many, self._room)
                self._room -= admitted
                self._admitted += admitted
                self.counts.waited += waited
                return admitted
            if self.when_full is WhenFull.SHED:
                self.counts.shed += many
                return 0
            left = _LOOK_AGAIN if self.patience is None else self.patience - waited
            if self.when_full is WhenFull.REFUSE or left <= 0:
                self.counts.refused += many
                self.counts.waited += waited
                raise QueueFull(self._full(waited))
            await asyncio.sleep(min(_LOOK_AGAIN, left))

    async def _look(self, max_depth: int) -> None:
        """Learn how much room there is, if what is known is used up or old. A queue that was found full is not asked again at once."""
        if self._knows():
            return
        async with self._looking:
            if self._knows():
                return
            # What is on its way may be counted twice: rather too little room than too much.
            on_its_way = self._admitted
            depth = await self.engine.depth()
            self._room = max_depth - sum(depth.get(state, 0) for state in _UNFINISHED) - on_its_way
            self._found_full = self._room <= 0
            self._looked_at = asyncio.get_running_loop().time()

    def _knows(self) -> bool:
        is_fresh = self._looked_at is not None and asyncio.get_running_loop().time() - self._looked_at < _LOOK_AGAIN
        return is_fresh and (self._room > 0 or self._found_full)

    def _full(self, waited: float) -> str:
        after = f" after {waited:.1f} s of waiting" if waited else ""
        return f"queue {self.engine.name}: got an operation for a full queue{after}; expected fewer than {self.max_depth} jobs; add workers"
