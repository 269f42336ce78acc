"""A worker's hold on a queue on Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_cio_load.pipeline.engines.engine import Again, Back, Dead, Delivery, Done, Settlement
from pytest_cio_load.pipeline.engines.kafka.commits import Committer
from pytest_cio_load.pipeline.engines.kafka.link import Topics, confluent, log, reason
from pytest_cio_load.pipeline.engines.kafka.mover import Mover
from pytest_cio_load.pipeline.engines.kafka.offsets import Offsets
from pytest_cio_load.pipeline.engines.kafka.part import Part
from pytest_cio_load.pipeline.engines.kafka.picks import Desk, Move, Place, Source
from pytest_cio_load.pipeline.engines.kafka.reader import Given, Reader, Start
from pytest_cio_load.pipeline.engines.kafka.wire import delivery_of, record_of

if TYPE_CHECKING:
    from confluent_kafka import Message

    from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

COMMIT_EVERY = 1.0
"""Seconds between commits, while none is waited for; fewer where a session is shorter than 6 times this."""

_HIGH, _LOW = 1_000, 250
_SHORT = 0.05


class KafkaConsumer:
    """A worker's hold on a queue on Kafka. Made by :meth:`KafkaEngine.consumer`.

    Every method runs on one loop. What was taken from a partition that goes to another worker is no longer ours; what is being sent just
    then has :attr:`KafkaEngine.handover` seconds to be settled.
    """

    repeats_in_place = True
    parks = True

    def __init__(self, engine: KafkaEngine, worker: str) -> None:
        self._engine, self._worker = engine, worker
        self._desk = Desk()
        self._parts: dict[int, Part] = {}
        self._topics: Topics | None = None
        self._reader: Reader | None = None
        self._mover = Mover(engine.link, engine.sender, engine.name, engine.today, lambda: self._sure, self._moved)
        self._committer: Committer | None = None
        self._arrived = asyncio.Event()
        self._settled = asyncio.Event()
        self._wanted: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._trouble = ""
        self._turn = 0
        self._closing = False

    @property
    def parts(self) -> Iterable[Part]:
        """The partitions that are ours."""
        return self._parts.values()

    @property
    def _sure(self) -> bool:
        """Whether our partitions are ours for sure."""
        return self._reader is not None and self._reader.alive

    async def start(self) -> None:
        """Connect and join. Partitions come to us once the group has agreed."""
        self._topics = await self._engine.topics()
        self._reader = Reader(self._engine.link, self._topics, self._engine.group, self._engine.session_timeout, self)
        self._committer = Committer(self._reader, self._topics)
        self._reader.start()
        self._engine.consumers.add(self)
        self._beating = asyncio.create_task(self._beat())

    async def take(self, most: int, wait: float) -> list[Delivery]:
        """Take up to *most* jobs, those of a person in order; wait up to *wait* seconds for the first one."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            self._arrived.clear()
            found, due = self._pick(most)
            left = until - loop.time()
            if found or left <= 0 or self._closing:
                if self._trouble and not found:
                    raise self._engine.link.unavailable("waiting for jobs", self._trouble)
                return found
            if due is not None:
                left = min(left, max(_SHORT / 10, due - self._engine.today()))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), left)

    def _pick(self, most: int) -> tuple[list[Delivery], float | None]:
        """What may be taken now, and when the next job of a retry topic is due, in unix seconds."""
        parts = list(self._parts.values())
        if parts and not self._sure:
            self._want_commit()
            return [], None
        found: list[Delivery] = []
        dues: list[float] = []
        wanted = False
        for turn in range(len(parts)):
            part = parts[(self._turn + turn) % len(parts)]
            picked = part.pick(most - len(found), self._engine.today())
            found += [self._deliver(place) for place in picked.places]
            self._mover.add(picked.moves)
            wanted = wanted or picked.commit
            if not picked.commit and (due := part.due()) is not None:
                dues.append(due)
            self._feed(part)
        self._turn += 1
        if wanted:
            self._want_commit()
        return found, min(dues, default=None)

    def _deliver(self, place: Place) -> Delivery:
        offsets, record = place.part.offsets[place.source], place.record
        kills = record.kills + offsets.kills(record.offset)
        if offsets.kills(record.offset):
            self._engine.count("redelivered")
        return delivery_of(record, offsets.tries(record.offset), kills, place)

    def _feed(self, part: Part) -> None:
        """Read no more of the main topic than is taken soon."""
        if self._reader is not None and (part.waiting < _LOW if part.paused else part.waiting > _HIGH):
            part.paused = not part.paused
            self._reader.hold(part.number, part.paused)

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Settle jobs. Those that are no longer ours are passed over."""
        back: dict[Part, list[Place]] = {}
        moving: list[Place] = []
        for settlement in settlements:
            place = settlement.delivery.place
            if not isinstance(place, Place):
                continue
            if isinstance(settlement, Back):
                back.setdefault(place.part, []).append(place)
            elif isinstance(settlement, Done):
                if place.part.settle(place):
                    self._engine.count_done(settlement.latency)
            else:
                self._put_aside(settlement, place)
                moving.append(place)
        for part, places in back.items():
            part.give_back(places)
        self._settled.set()
        self._arrived.set()
        await self._mover.written(moving)

    def _put_aside(self, settlement: Again | Dead, place: Place) -> None:
        if isinstance(settlement, Dead):
            move = place.part.bury(place, settlement.reason, settlement.attempts)
            self._mover.add([move] if move is not None else [])
            return
        counts = bool(settlement.reason)
        if counts and place.part.has(place):
            self._engine.count("retried")
        self._mover.add(place.part.park(place, self._engine.today() + settlement.delay, counts=counts))

    def _moved(self, move: Move, offset: int) -> None:
        move.part.moved(move, offset)
        if move.reason is not None:
            self._engine.count("dead")
        self._settled.set()
        self._arrived.set()

    async def note_failure(self, delivery: Delivery, attempts: int, reason: str) -> None:
        """Remember that a try failed and counted; the next commit says so."""
        place = delivery.place
        if isinstance(place, Place) and place.part.failed(place, attempts):
            self._engine.count("retried")

    def holds(self, delivery: Delivery) -> bool:
        """Whether the job is still ours to send.

        While that is not sure, for this process was stopped for a while or cut off, it goes back, and what is behind it: else that could
        be sent before it, once it is sure again.
        """
        place = delivery.place
        if not isinstance(place, Place) or not place.part.has(place):
            return False
        if self._sure:
            return True
        place.part.give_back(place.part.behind(place))
        return False

    async def assigned(self, given: list[Given]) -> None:
        """These partitions are ours."""
        for each in given:
            self._parts[each.number] = Part(each.number, _offsets(each.main), _offsets(each.retry), self._desk)
        self._trouble = ""
        log.info("%s: partitions %s came to worker %s", self._engine.name, [each.number for each in given], self._worker)
        self._want_commit()

    async def revoked(self, numbers: list[int]) -> None:
        """Hand partitions over: what is being sent may be settled for a while; what is being moved arrives before somebody else begins."""
        parts = [self._parts[number] for number in numbers if number in self._parts]
        for part in parts:
            part.leaving = True
        if not self._closing:
            await self._until(lambda: not any(part.under_way for part in parts), self._engine.handover)
        await self._until(lambda: not any(part.moving for part in parts), 0.0 if self._closing else self._engine.link.timeout)
        if self._committer is not None and not self._trouble:
            await self._committer.commit(parts, leaving=True)
        await self.lost(numbers)

    async def lost(self, numbers: list[int]) -> None:
        """Partitions are somebody else's: nothing of them is ours any more."""
        for number in numbers:
            part = self._parts.pop(number, None)
            if part is not None:
                part.leave()
                self._mover.forget(part)
        log.info("%s: partitions %s left worker %s", self._engine.name, numbers, self._worker)

    async def _until(self, reached: Callable[[], bool], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not reached() and (left := until - loop.time()) > 0:
            self._settled.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), left)

    def arrived(self, messages: list[Message]) -> None:
        """Messages were read."""
        ended = confluent().KafkaError._PARTITION_EOF
        for message in messages:
            part = self._parts.get(message.partition() or 0)
            error = message.error()
            source = Source.MAIN if message.topic() == self._engine.name else Source.RETRY
            if error is not None and error.code() != ended:
                self.troubled(reason(error))
            elif part is None:
                continue
            elif error is not None:
                part.ended(source, message.offset() or 0)
            else:
                part.read(source, record_of(message))
        for part in self._parts.values():
            self._feed(part)
        self._arrived.set()

    def troubled(self, text: str) -> None:
        """The queue cannot be reached, as far as is known."""
        self._trouble = text
        self._arrived.set()

    def _want_commit(self) -> None:
        if self._wanted is None or self._wanted.done():
            self._wanted = asyncio.create_task(self._commit_wanted())

    async def _commit_wanted(self) -> None:
        if self._committer is not None and not await self._committer.commit(list(self._parts.values())):
            await asyncio.sleep(_SHORT)
        self._arrived.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(min(COMMIT_EVERY, self._engine.session_timeout / 6))
            for part in self._parts.values():
                part.review()
            if self._committer is not None:
                await self._committer.commit(list(self._parts.values()))
                if self._trouble and await self._committer.answers():
                    self._trouble = ""

    async def close(self) -> None:
        """Leave. What was taken and not settled goes back, in order."""
        self._closing = True
        self._arrived.set()
        if self._reader is None:
            return
        for task in (self._beating, self._wanted):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self._mover.aclose()
        if self._committer is not None and not await self._committer.answers():
            self._trouble = "no answer"
        await self._reader.aclose()
        self._engine.consumers.discard(self)
        self._reader = self._committer = None


def _offsets(start: Start) -> Offsets:
    return Offsets(start.offset, start.note, start.end)
