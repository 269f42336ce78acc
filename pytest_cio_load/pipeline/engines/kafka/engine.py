"""A queue on Kafka: a topic, a retry topic and a dead-letter topic, read by a group of consumers.

What it promises, and what it does not:

* Nothing is lost: an offset is committed once everything before it is settled. What was taken by a killed worker is redone by the next
  owner of its partition, and a job can so be done twice. Kafka does not know jobs by their ids: a job that is stored twice is done twice,
  too (Customer.io applies an event's ULID once).
* Jobs of a key stay in order, also behind one that is parked for another try; and what is redone after a kill is redone whole and in
  order, so that the last word stays the last. A worker that may have lost its session sends and moves nothing before a broker has
  accepted a commit of it. Only what it was writing or sending at the very moment when it was stopped, for longer than its session, can
  still arrive after somebody else has done it.
* A job about two people (a merge) is in order with those of the first one only, unless both are in one partition.
* What waits is counted from the committed offsets, what is under way and was done only in this process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_cio_load.errors import InvalidOperation, QueueError
from pytest_cio_load.pipeline.engines.engine import DEFAULT_QUEUE, SHARDS, DeadLetter, Parcel, State, Totals, check_queue_name, to_3_digits
from pytest_cio_load.pipeline.engines.kafka import wire
from pytest_cio_load.pipeline.engines.kafka.link import Link, Topics, confluent, topics
from pytest_cio_load.pipeline.engines.kafka.offsets import Offsets
from pytest_cio_load.pipeline.engines.kafka.picks import Source
from pytest_cio_load.pipeline.engines.kafka.sender import Sender, Unfit
from pytest_cio_load.pipeline.engines.kafka.watch import Lag, Watch

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
    from pytest_cio_load.pipeline.engines.kafka.part import Part

GROUP = "cio-load"
"""The group of consumers, unless told otherwise."""

SESSION = 6.0
"""Seconds until the partitions of a killed worker go to others."""

HANDOVER = 1.0
"""Seconds that a partition's owner has to settle what is being sent, when the partition goes to somebody else."""


class KafkaEngine:
    """Keeps jobs on Kafka.

    Args:
        bootstrap: ``host:port,host:port`` of brokers.
        name: of the queue, and of its main topic; ``name.retry`` and ``name.dead`` are the others.
        group: of the consumers.
        partitions: of topics that are made; those that are there keep theirs.
        session_timeout: seconds until the partitions of a killed worker go to others.
        handover: seconds to settle what is being sent, when a partition goes to somebody else.
        connect_timeout: seconds until what is not answered has failed.
        security: librdkafka's settings of TLS and SASL, by name, and any other that is to differ; never shown.
        today: unix seconds.

    Raises:
        ImportError: confluent_kafka is missing.
        ValueError: a name that no queue can have, no brokers, or a figure out of range.
    """

    clock_is_ours = False

    def __init__(
        self,
        bootstrap: str,
        name: str = DEFAULT_QUEUE,
        *,
        group: str = GROUP,
        partitions: int = SHARDS,
        session_timeout: float = SESSION,
        handover: float = HANDOVER,
        connect_timeout: float = 10.0,
        security: Mapping[str, str] | None = None,
        today: Callable[[], float] = time.time,
    ) -> None:
        confluent()
        if partitions < 1:
            raise ValueError(f"partitions: got {partitions}; expected at least 1; try {SHARDS}")
        if not session_timeout >= 1:
            raise ValueError(f"session_timeout: got {session_timeout}; expected at least 1 second; try {SESSION:g}")
        if not handover >= 0:
            raise ValueError(f"handover: got {handover}; expected seconds, 0 or more; try {HANDOVER:g}")
        self.name = _check_topic(check_queue_name(name))
        self.link = Link(bootstrap, connect_timeout, dict(security or {}))
        self.group, self.session_timeout, self.handover, self.today = group, session_timeout, handover, today
        self.sender = Sender(self.link)
        self.consumers: set[KafkaConsumer] = set()
        self._partitions = partitions
        self._topics: Topics | None = None
        self._watch: Watch | None = None
        self._looking = asyncio.Lock()
        self._counted: dict[str, int] = dict.fromkeys(("enqueued", "done", "retried", "redelivered", "dead"), 0)
        self._latency: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"KafkaEngine({self.link.bootstrap!r}, {self.name!r}, group={self.group!r})"

    async def topics(self) -> Topics:
        """The queue's topics, made where they are missing. Raises QueueUnavailable or QueueMismatch."""
        async with self._looking:
            if self._topics is None:
                self._topics = await asyncio.to_thread(topics, self.link, self.name, self._partitions)
            return self._topics

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Store jobs, in order; a delayed one goes through the retry topic. Returns when the brokers have all of them.

        Raises:
            InvalidOperation: one has a priority, or is too large; nothing was stored.
            QueueUnavailable: any part of them may have been stored.
            QueueError: a topic takes less than librdkafka; any part of them may have been stored.
        """
        for parcel in parcels:
            if parcel.priority:
                got = f"priority: got {parcel.priority}; expected 0, since a queue on Kafka keeps one order"
                raise InvalidOperation(parcel.name, f"{got}; leave it out, or use a queue on Redis")
        names = await self.topics()
        now = self.today()
        messages = [wire.outgoing(names.retry if parcel.delay > 0 else names.main, parcel, now) for parcel in parcels]
        for parcel, message in zip(parcels, messages, strict=True):
            size, most = wire.grown(message), self.link.most_bytes
            if size > most:
                got = f"size: got {size:,} bytes as a message on Kafka; expected at most {most:,}, the client's message.max.bytes"
                raise InvalidOperation(parcel.name, f"{got}; send less at once")
        written = await self._write(messages, "storing jobs")
        self._counted["enqueued"] += written

    async def _write(self, messages: Sequence[wire.Outgoing], doing: str) -> int:
        results = await self.sender.send(messages)
        failed = [result for result in results if isinstance(result, str)]
        unfit = [wire.grown(message) for message, result in zip(messages, results, strict=True) if isinstance(result, Unfit)]
        if unfit:
            got = f"{next(result for result in failed if isinstance(result, Unfit))} while {doing}"
            got += f" ({len(failed)} of {len(results)} not written, the largest of {max(unfit):,} bytes)"
            fix = "raise their max.message.bytes, or send less at once"
            raise QueueError(f"queue {self.name}: got {got}; expected what its topics take; {fix}")
        if failed:
            raise self.link.unavailable(f"{doing} ({len(failed)} of {len(results)} not written)", failed[0])
        return len(results)

    def consumer(self, worker: str) -> KafkaConsumer:
        """A hold for one worker."""
        from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer

        return KafkaConsumer(self, worker)

    def count(self, what: str) -> None:
        """Count what became of a job, for consumers."""
        self._counted[what] += 1

    def count_done(self, latency: float) -> None:
        """A job was done *latency* seconds after it was enqueued, for consumers."""
        self._counted["done"] += 1
        rounded = to_3_digits(latency)
        self._latency[rounded] = self._latency.get(rounded, 0) + 1

    def _own(self) -> dict[int, Part]:
        return {part.number: part for consumer in self.consumers for part in consumer.parts if part.whole and not part.gone}

    async def _lags(self) -> tuple[Topics, dict[int, Lag], dict[int, Lag]]:
        names = await self.topics()
        main, retry = await asyncio.to_thread(self._watching().lags, names)
        return names, main, retry

    def _watching(self) -> Watch:
        if self._watch is None:
            self._watch = Watch(self.link, self.group)
        return self._watch

    async def depth(self) -> dict[State, int]:
        """Jobs by state. Active and completed are those of this process; what others have taken still waits, as far as is known."""
        names, main, retry = await self._lags()
        dead = await asyncio.to_thread(self._watching().letters, names.dead)
        own = self._own()
        active = sum(part.under_way for part in own.values())
        return {
            State.WAITING: sum(_left(lag, own.get(number), Source.MAIN) for number, lag in main.items()),
            State.PRIORITIZED: 0,
            State.DELAYED: sum(_left(lag, own.get(number), Source.RETRY) for number, lag in retry.items()),
            State.ACTIVE: active,
            State.COMPLETED: self._counted["done"],
            State.FAILED: len(dead),
        }

    async def age(self) -> float:
        """Seconds since the oldest job that waits in the main topic was enqueued."""
        names, main, _ = await self._lags()
        own, oldest = self._own(), []
        for number, lag in main.items():
            part = own.get(number)
            if _left(lag, part, Source.MAIN) <= 0:
                continue
            if part is not None and part.oldest is not None:
                oldest.append(part.oldest)
            else:
                offset = lag.offset if part is None else part.offsets[Source.MAIN].seen
                first = await asyncio.to_thread(self._watching().first, names.main, number, offset)
                oldest += [] if first is None else [first.enqueued_at]
        return max(0.0, self.today() - min(oldest)) if oldest else 0.0

    async def totals(self) -> Totals:
        """What has become of jobs in this process."""
        return Totals(**self._counted, latency=dict(self._latency))

    async def dead_letters(self, start: int = 0, most: int = 100) -> list[DeadLetter]:
        """Dead letters, the oldest first."""
        names = await self.topics()
        letters = await asyncio.to_thread(self._watching().letters, names.dead)
        return letters[start : start + most]

    async def replay(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters back to be tried from the beginning, behind what waits; how many were still there."""
        return await self._bring_out(letters, again=True)

    async def discard(self, letters: Sequence[DeadLetter]) -> int:
        """Delete dead letters; how many were still there."""
        return await self._bring_out(letters, again=False)

    async def _bring_out(self, letters: Sequence[DeadLetter], *, again: bool) -> int:
        names = await self.topics()
        there = {letter.id: letter for letter in await asyncio.to_thread(self._watching().letters, names.dead)}
        found = [there[id] for id in dict.fromkeys(letter.id for letter in letters) if id in there]
        if again:
            messages = [wire.replayed(names.main, each, each.place) for each in found if isinstance(each.place, wire.Grave)]
            await self._write(messages, "replaying dead letters")
        # Only now: a letter that is lost on the way is worse than one that is replayed twice.
        await self._write([wire.tombstone(names.dead, each.id) for each in found], "taking out dead letters")
        return len(found)

    async def aclose(self) -> None:
        """Let go of every connection."""
        for consumer in list(self.consumers):
            await consumer.close()
        await self.sender.aclose()
        if self._watch is not None:
            await asyncio.to_thread(self._watch.close)
            self._watch = None


def _left(lag: Lag, part: Part | None, source: Source) -> int:
    """Jobs of a partition that are not settled and not under way here."""
    if part is None:
        return Offsets(lag.offset, lag.note, lag.high).left(lag.high)
    return max(0, part.offsets[source].left(lag.high) - part.active(source))


def _check_topic(name: str) -> str:
    letters = {letter for letter in name if not (letter.isascii() and (letter.isalnum() or letter in "._-"))}
    if letters or len(name) > 240:
        nearest = "".join("-" if letter in letters else letter for letter in name)[:240]
        expected = "up to 240 letters, digits, '.', '_' and '-', which is what a topic of Kafka may have"
        raise ValueError(f"queue: got {name!r}; expected {expected}; try {nearest!r}")
    return name
