"""A queue in this process's memory, on the running loop's clock: for tests in virtual time. Nothing outlives the process.

It behaves as the ordered form of the BullMQ engine: parts that belong to one worker at a time, repeats in place, a killed worker's jobs
taken again once its lease has lapsed, dead letters after three kills.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from pytest_cio_load.pipeline.engines.engine import (
    DEFAULT_QUEUE,
    KILLS,
    Again,
    Dead,
    DeadLetter,
    Delivery,
    Done,
    Parcel,
    Settlement,
    State,
    Totals,
    check_queue_name,
    killed,
    shard_of,
    to_3_digits,
)
from pytest_cio_load.pipeline.engines.memory_consumer import MemoryConsumer

LEASE = 5.0
"""Seconds until the jobs of a killed worker are taken again."""

_PARTS = 64
_KEPT_FAILED = 50_000


@dataclass(slots=True, eq=False)
class Part:
    """A part of the queue: what waits in it, and who works on it while anything of it is under way."""

    waiting: deque[Delivery] = field(default_factory=deque)
    owner: MemoryConsumer | None = None


class MemoryEngine:
    """Keeps jobs in this process.

    Args:
        name: of the queue.
        lease: seconds until the jobs of a killed worker are taken again.
        today: unix seconds.

    Raises:
        ValueError: a name that BullMQ on Node would refuse.
    """

    clock_is_ours = True

    def __init__(self, name: str = DEFAULT_QUEUE, *, lease: float = LEASE, today: Callable[[], float] = time.time) -> None:
        self.name = check_queue_name(name)
        self.lease, self.today = lease, today
        self._parts = [Part() for _ in range(_PARTS)]
        self._known: dict[str, None] = {}
        self._delayed: list[tuple[float, int, Delivery, str, int]] = []
        self._prioritized: list[tuple[int, int, Delivery]] = []
        self._dead: dict[str, DeadLetter] = {}
        self._counted: dict[str, int] = dict.fromkeys(("enqueued", "done", "retried", "redelivered", "dead"), 0)
        self._latency: dict[int, int] = {}
        self._consumers: set[MemoryConsumer] = set()
        self._count = 0
        self._turn = 0
        self._waiters: dict[asyncio.Future[None], None] = {}  # in order: virtual time gives the same figures in every run

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Store jobs, in order; one whose id is known already changes nothing."""
        now = asyncio.get_running_loop().time()
        for parcel in parcels:
            if parcel.id in self._known:
                continue
            self._known[parcel.id] = None
            self._counted["enqueued"] += 1
            self._count += 1
            delivery = Delivery(parcel.id, parcel.name, parcel.data, enqueued_at=parcel.enqueued_at)
            if parcel.delay > 0:
                heappush(self._delayed, (now + parcel.delay, self._count, delivery, parcel.key, parcel.priority))
            else:
                self._place(delivery, parcel.key, parcel.priority)
        self._wake()

    def _place(self, delivery: Delivery, key: str, priority: int) -> None:
        if priority:
            heappush(self._prioritized, (priority, self._count, replace(delivery, place=priority)))
        else:
            part = self._parts[shard_of(key or delivery.id, _PARTS)]
            part.waiting.append(replace(delivery, place=part))

    def consumer(self, worker: str) -> MemoryConsumer:
        """A hold for one worker."""
        return MemoryConsumer(self)

    def join(self, consumer: MemoryConsumer) -> None:
        """A worker begins."""
        self._consumers.add(consumer)

    def leave(self, consumer: MemoryConsumer) -> None:
        """A worker has ended, and holds nothing."""
        self._consumers.discard(consumer)

    def repeated(self) -> None:
        """A try failed and counted."""
        self._counted["retried"] += 1

    def take(self, consumer: MemoryConsumer, most: int) -> list[Delivery]:
        """Take up to *most* jobs now, for :class:`MemoryConsumer`."""
        now = asyncio.get_running_loop().time()
        while self._delayed and self._delayed[0][0] <= now:
            _, _, delivery, key, priority = heappop(self._delayed)
            self._place(delivery, key, priority)
        found: list[Delivery] = []
        for turn in range(_PARTS):
            part = self._parts[(self._turn + turn) % _PARTS]
            if part.owner in (None, consumer):
                while part.waiting and len(found) < most:
                    part.owner = consumer
                    found.append(part.waiting.popleft())
        self._turn += 1
        while self._prioritized and len(found) < most:
            found.append(heappop(self._prioritized)[2])
        return found

    def due(self) -> float | None:
        """When the next delayed job may be taken, on the loop's clock; None for never."""
        return self._delayed[0][0] if self._delayed else None

    def settle(self, settlement: Settlement) -> None:
        """Settle a job that is under way."""
        delivery = settlement.delivery
        if isinstance(settlement, Done):
            self._counted["done"] += 1
            rounded = to_3_digits(settlement.latency)
            self._latency[rounded] = self._latency.get(rounded, 0) + 1
        elif isinstance(settlement, Dead):
            self._bury(delivery, settlement.reason, settlement.attempts)
        elif isinstance(settlement, Again):
            raise ValueError("settlement: got Again; expected none, since jobs of this engine are repeated in place; try Back")

    def free(self, part: object, consumer: MemoryConsumer) -> None:
        """Nothing of *part* is under way with *consumer* any more: any worker may take from it."""
        if isinstance(part, Part) and part.owner is consumer:
            part.owner = None
            self._wake()

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Put jobs back to where they were taken from, in order. Their parts come first, or there might always be others before them."""
        for delivery in reversed(deliveries):
            if isinstance(delivery.place, Part):
                delivery.place.waiting.appendleft(delivery)
                self._turn = self._parts.index(delivery.place)
            else:
                self._count += 1
                heappush(self._prioritized, (int(str(delivery.place)), -self._count, delivery))
        self._wake()

    def recover(self, deliveries: Sequence[Delivery]) -> None:
        """What a killed worker had goes back, in order, and each of it counts the kill."""
        back = []
        for delivery in deliveries:
            kills = delivery.kills + 1
            if kills >= KILLS:
                self._bury(delivery, killed(kills), delivery.attempts)
            else:
                self._counted["redelivered"] += 1
                back.append(replace(delivery, kills=kills))
        self.give_back(back)

    def _bury(self, delivery: Delivery, reason: str, attempts: int) -> None:
        self._counted["dead"] += 1
        letter = DeadLetter(delivery.id, delivery.name, reason, attempts, self.today(), delivery.enqueued_at, delivery.data, delivery.place)
        self._dead[delivery.id] = letter
        while len(self._dead) > _KEPT_FAILED:
            del self._dead[next(iter(self._dead))]

    async def depth(self) -> dict[State, int]:
        """Jobs by state."""
        now = asyncio.get_running_loop().time()
        due = sum(1 for entry in self._delayed if entry[0] <= now)
        return {
            State.WAITING: sum(len(part.waiting) for part in self._parts) + due,
            State.PRIORITIZED: len(self._prioritized),
            State.DELAYED: len(self._delayed) - due,
            State.ACTIVE: sum(consumer.taken for consumer in self._consumers),
            State.COMPLETED: self._counted["done"],
            State.FAILED: len(self._dead),
        }

    async def age(self) -> float:
        """Seconds since the oldest job that waits was enqueued."""
        now = asyncio.get_running_loop().time()
        waiting = [part.waiting[0] for part in self._parts if part.waiting]
        waiting += [entry[2] for entry in self._prioritized]
        waiting += [entry[2] for entry in self._delayed if entry[0] <= now]
        return max(0.0, self.today() - min(each.enqueued_at for each in waiting)) if waiting else 0.0

    async def totals(self) -> Totals:
        """What has become of jobs so far."""
        return Totals(**self._counted, latency=dict(self._latency))

    async def dead_letters(self, start: int = 0, most: int = 100) -> list[DeadLetter]:
        """Dead letters, the oldest first."""
        return list(self._dead.values())[start : start + most]

    async def replay(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters back to be tried from the beginning, behind what waits."""
        there = [letter for letter in letters if self._dead.pop(letter.id, None) is not None]
        for letter in there:
            delivery = Delivery(letter.id, letter.name, letter.data, enqueued_at=letter.enqueued_at, place=letter.place)
            if isinstance(letter.place, Part):
                letter.place.waiting.append(delivery)
            else:
                self.give_back([delivery])
        self._wake()
        return len(there)

    async def discard(self, letters: Sequence[DeadLetter]) -> int:
        """Delete dead letters."""
        return sum(self._dead.pop(letter.id, None) is not None for letter in letters)

    async def arrival(self, wait: float) -> None:
        """Wait up to *wait* seconds for something to take."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        timer = loop.call_later(wait, _wake, waiter)
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiters.pop(waiter, None)

    def _wake(self) -> None:
        for waiter in self._waiters:
            _wake(waiter)

    async def aclose(self) -> None:
        """Nothing to let go of: what is in memory goes with the engine."""


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
