"""Commits what has been settled, and what may be taken, one commit at a time.

A commit that is not waited for is looked at afterwards, and tells itself from every other one by a number in its note (``c``): what is
found with that number was accepted of a member of the group, so it also shows that our partitions were ours when it was sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from secrets import randbelow
from typing import TYPE_CHECKING, Any

from pytest_cio_load.pipeline.engines.kafka.link import Topics, confluent, log, reason

if TYPE_CHECKING:
    from confluent_kafka import Consumer, TopicPartition

    from pytest_cio_load.pipeline.engines.kafka.offsets import Mark
    from pytest_cio_load.pipeline.engines.kafka.part import Part
    from pytest_cio_load.pipeline.engines.kafka.reader import Reader

_REFRESH = 3_600.0
"""Seconds until what has not changed is committed again: brokers forget commits to topics that a group does not subscribe to."""

_PROBE = 1.0
_NUMBERS = 1_000_000


class Committer:
    """Commits for one consumer.

    Args:
        reader: reads for the consumer.
        topics: of the queue.
    """

    def __init__(self, reader: Reader, topics: Topics) -> None:
        self._reader, self._topics = reader, topics
        self._one = asyncio.Lock()
        self._told_at: dict[Part, float] = {}
        self._numbers = count(randbelow(_NUMBERS))

    async def commit(self, parts: Sequence[Part], *, leaving: bool = False) -> bool:
        """Commit what has changed, or else something, when it is time to show life; whether that went well.

        *leaving*: nothing of these is under way any more.
        """
        async with self._one:
            now = time.monotonic()
            silent = not self._reader.membership.is_fresh(now)
            marks: dict[Part, tuple[Mark, Mark]] = {}
            for part in parts:
                mark = part.marks(leaving=leaving)
                if part.gone:
                    continue
                if silent or mark != part.committed or now - self._told_at.get(part, now) > _REFRESH:
                    marks[part] = mark
                    silent = False
                else:
                    part.keep(mark)
            try:
                if marks:
                    await self._write(marks, leaving)
            except confluent().KafkaException as error:
                log.info("%s: a commit failed: %s", self._topics.main, reason(error))
                return False
            for part, mark in marks.items():
                part.keep(mark)
                self._told_at[part] = now
            self._told_at = {part: at for part, at in self._told_at.items() if not part.gone}
            return True

    async def _write(self, marks: dict[Part, tuple[Mark, Mark]], leaving: bool) -> None:
        kafka = confluent()
        number = next(self._numbers) % _NUMBERS
        spots = [
            kafka.TopicPartition(topic, part.number, mark.position, f"{mark.note};c={number}")
            for part, pair in marks.items()
            for topic, mark in zip((self._topics.main, self._topics.retry), pair, strict=True)
        ]
        patience = self._reader.patience

        def commit(consumer: Consumer) -> tuple[float, list[TopicPartition]]:
            began = time.monotonic()
            if leaving:
                # A consumer that is closing is told what is committed by no other call.
                told: Any = consumer.commit(offsets=spots, asynchronous=False)
                return began, list(told)
            # A commit that is waited for waits for ever while no broker answers: it is sent, and looked at.
            consumer.commit(offsets=spots, asynchronous=True)
            found: list[TopicPartition] = consumer.committed(
                [kafka.TopicPartition(each.topic, each.partition) for each in spots], timeout=patience
            )
            return began, found

        began, answers = await self._reader.call(commit)
        for asked, found in zip(spots, answers, strict=True):
            if found.error is not None:
                raise kafka.KafkaException(found.error)
            if not leaving and (found.offset, found.metadata or "") != (asked.offset, asked.metadata):
                raise kafka.KafkaException(kafka.KafkaError(kafka.KafkaError.ILLEGAL_GENERATION))
        self._reader.membership.show(began)

    async def answers(self) -> bool:
        """Whether a broker answers."""
        try:
            await self._reader.call(lambda consumer: consumer.list_topics(self._topics.main, timeout=_PROBE))
        except confluent().KafkaException:
            return False
        return True
