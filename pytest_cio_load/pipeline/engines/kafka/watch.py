"""Looks at a queue on Kafka from outside: how much waits, and which letters are dead. It blocks: call it in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cio_load.pipeline.engines.engine import DeadLetter
from pytest_cio_load.pipeline.engines.kafka.link import Link, Topics, confluent, reason
from pytest_cio_load.pipeline.engines.kafka.wire import Record, key_of, letter_of, record_of

if TYPE_CHECKING:
    from confluent_kafka import Message

_STEP = 0.5
_MOST = 500


@dataclass(frozen=True, slots=True)
class Lag:
    """Of one partition of a topic: the committed *offset* (the first there is, where nothing is), its *note*, and the *high* watermark."""

    offset: int
    note: str
    high: int


class Watch:
    """Looks at one queue.

    Args:
        link: where the brokers are.
        group: of the consumers.
    """

    def __init__(self, link: Link, group: str) -> None:
        kafka = confluent()
        self._link, self._lock = link, threading.Lock()
        self._admin = kafka.admin.AdminClient(link.settings())
        self._looking = kafka.Consumer(link.settings(group_id=group, enable_auto_commit=False))
        self._reading: Any = None
        self._letters: dict[str, DeadLetter] = {}
        self._read_to: dict[int, int] = {}
        self._firsts: dict[tuple[int, int], Record] = {}

    def lags(self, names: Topics) -> tuple[dict[int, Lag], dict[int, Lag]]:
        """Of the main and of the retry topic, by partition. Raises QueueUnavailable."""
        kafka = confluent()
        spots = [kafka.TopicPartition(name, number) for name in (names.main, names.retry) for number in range(names.partitions)]
        found: dict[str, dict[int, Lag]] = {names.main: {}, names.retry: {}}
        try:
            with self._lock:
                committed = self._looking.committed(spots, timeout=self._link.timeout)
            highs = self._ends(spots, kafka.admin.OffsetSpec.latest())
            fresh = [each for each in committed if each.offset < 0]
            lows = self._ends(fresh, kafka.admin.OffsetSpec.earliest()) if fresh else {}
        except kafka.KafkaException as error:
            raise self._link.unavailable("asking how much waits", reason(error)) from None
        for each in committed:
            spot = (each.topic, each.partition)
            found[each.topic][each.partition] = Lag(lows.get(spot, each.offset), each.metadata or "", highs[spot])
        return found[names.main], found[names.retry]

    def _ends(self, spots: Iterable[Any], which: Any) -> dict[tuple[str, int], int]:
        kafka = confluent()
        asked = {kafka.TopicPartition(each.topic, each.partition): which for each in spots}
        answers = self._admin.list_offsets(asked, request_timeout=self._link.timeout)
        return {(spot.topic, spot.partition): answer.result(self._link.timeout + 1).offset for spot, answer in answers.items()}

    def first(self, topic: str, number: int, offset: int) -> Record | None:
        """The first job from *offset* on, or None when it does not come in time. Raises QueueUnavailable."""
        known = self._firsts.get((number, offset))
        if known is None:
            messages = self._fetch(topic, {number: offset}, most=1)
            if not messages:
                return None
            known = record_of(messages[0])
            self._firsts = {spot: record for spot, record in self._firsts.items() if spot[0] != number}
            self._firsts[number, offset] = known
        return known

    def letters(self, topic: str) -> list[DeadLetter]:
        """Dead letters that were neither replayed nor discarded, the oldest first. Raises QueueUnavailable.

        The topic is read from where it was read to before; all letters stay in memory.
        """
        kafka = confluent()
        with self._lock:
            partitions = len(self._admin.list_topics(topic, timeout=self._link.timeout).topics[topic].partitions)
        spots = [kafka.TopicPartition(topic, number) for number in range(partitions)]
        try:
            ends = self._ends(spots, kafka.admin.OffsetSpec.latest())
        except kafka.KafkaException as error:
            raise self._link.unavailable(f"reading {topic}", reason(error)) from None
        starts = {number: self._read_to.get(number, 0) for number in range(partitions)}
        starts = {number: start for number, start in starts.items() if start < ends[topic, number]}
        for message in self._fetch(topic, starts):
            id = key_of(message)
            self._read_to[message.partition() or 0] = (message.offset() or 0) + 1
            if message.value() is None:
                self._letters.pop(id, None)
            else:
                self._letters[id] = letter_of(message)
        return sorted(self._letters.values(), key=lambda letter: (letter.failed_at, letter.id))

    def _fetch(self, topic: str, starts: dict[int, int], most: int | None = None) -> list[Message]:
        """Messages from these offsets on, to the ends as they are now or up to *most*."""
        kafka = confluent()
        found: list[Message] = []
        if not starts:
            return found
        with self._lock:
            if self._reading is None:
                self._reading = kafka.Consumer(
                    self._link.settings(
                        group_id="cio-load-watch",
                        enable_auto_commit=False,
                        enable_partition_eof=True,
                        auto_offset_reset="earliest",
                        fetch_wait_max_ms=50,
                    )
                )
            self._reading.assign([kafka.TopicPartition(topic, number, offset) for number, offset in starts.items()])
            open_ends, idle = set(starts), 0.0
            try:
                while open_ends and (most is None or len(found) < most):
                    first = self._reading.poll(_STEP)
                    messages = [] if first is None else [first, *self._reading.consume(_MOST, 0)]
                    idle = 0.0 if messages else idle + _STEP
                    if idle > self._link.timeout:
                        raise self._link.unavailable(f"reading {topic}", "no answer in time")
                    for message in messages:
                        error = message.error()
                        if error is None:
                            found.append(message)
                        elif error.code() == kafka.KafkaError._PARTITION_EOF:
                            open_ends.discard(message.partition())
            finally:
                self._reading.unassign()
        return found

    def close(self) -> None:
        """Let go of every connection."""
        with self._lock:
            self._looking.close()
            if self._reading is not None:
                self._reading.close()
