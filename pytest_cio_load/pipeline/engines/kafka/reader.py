"""The thread that reads from Kafka for a consumer, and takes part in its group.

The consumer joins the group with the main topic alone, and its partitions move one by one (``cooperative-sticky``): what a member keeps
goes on while others change hands. Partition p of the retry topic belongs to whoever has p of the main topic: it is assigned and let go
with it, by hand, and never by the group, whose assignors do not promise to keep two topics together.

What is to be decided is decided on the loop; this thread waits for it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_cio_load.pipeline.engines.kafka.link import Link, Topics, confluent, log, reason
from pytest_cio_load.pipeline.engines.kafka.membership import Membership
from pytest_cio_load.pipeline.engines.kafka.picks import Source

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

_IDLE = 0.005
"""Seconds between looks for messages, while there are none: librdkafka's own wait cannot be ended by a call."""

_MOST = 500
_ANSWER = 60.0
_AGAIN = 0.5


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading a partition of a topic begins.

    Attributes:
        offset: the committed one, or the first there is.
        note: the metadata of the commit.
        end: one more than the last offset there is.
    """

    offset: int
    note: str
    end: int


@dataclass(frozen=True, slots=True)
class Given:
    """A partition that is ours now."""

    number: int
    main: Start
    retry: Start


class Board(Protocol):
    """Where the reader tells what happens; all of it runs on the loop."""

    async def assigned(self, given: list[Given]) -> None:
        """These partitions are ours."""

    async def revoked(self, numbers: list[int]) -> None:
        """They are ours until this returns."""

    async def lost(self, numbers: list[int]) -> None:
        """They are somebody else's already."""

    def arrived(self, messages: list[Message]) -> None:
        """Messages were read; ends of partitions are among them."""

    def troubled(self, text: str) -> None:
        """The queue cannot be reached."""


class Reader:
    """Reads for one consumer.

    Args:
        link: where the brokers are.
        topics: of the queue.
        group: of the consumers.
        session_timeout: seconds without a sign of life until a consumer's partitions go to others.
        board: is told what happens.
    """

    def __init__(self, link: Link, topics: Topics, group: str, session_timeout: float, board: Board) -> None:
        self._link, self._topics, self._board = link, topics, board
        self.membership = Membership(session_timeout)
        """Shown by whoever commits successfully."""
        self.patience = link.timeout
        """Seconds that the thread waits for an answer."""
        self._loop = asyncio.get_running_loop()
        self._closing = threading.Event()
        self._ended = self._loop.create_future()
        self.consumer: Consumer = confluent().Consumer(
            link.settings(
                group_id=group,
                partition_assignment_strategy="cooperative-sticky",
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="earliest",
                enable_partition_eof=True,
                session_timeout_ms=round(session_timeout * 1000),
                heartbeat_interval_ms=max(100, round(session_timeout * 1000 / 6)),
                fetch_wait_max_ms=100,
                fetch_error_backoff_ms=100,
                queued_max_messages_kbytes=16_384,
                failed=self._failed,
            )
        )
        self._calls: queue.SimpleQueue[tuple[Callable[[Consumer], Any], asyncio.Future[Any] | None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cio-load-kafka-reader", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether our partitions are still ours for sure."""
        return self.membership.is_sure(time.monotonic())

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    async def aclose(self) -> None:
        """Leave the group; partitions are handed over first. While no broker answers, the thread is left to itself after a while."""
        self._closing.set()
        done, _ = await asyncio.wait([self._ended], timeout=2 * self.patience)
        if not done:
            log.warning("%s: a consumer could not leave its group: no broker answers", self._topics.main)

    def _run(self) -> None:
        consumer = self.consumer
        try:
            consumer.subscribe([self._topics.main], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
            while not self._closing.is_set():
                self._read(consumer)
            consumer.close()
        except Exception as error:
            # The loop has ended without closing us, or we were left to ourselves while no broker answered: nobody is there to ask, and
            # what was taken will be redone.
            if not isinstance(error, RuntimeError) and not self._closing.is_set():
                raise
            log.info("a consumer of %s ends: %s", self._topics.main, error)
        finally:
            self._refuse_calls()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._tell_end)

    def _tell_end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def call(self, function: Callable[[Consumer], Any]) -> Any:
        """What *function* returns, called with librdkafka's consumer by the thread: a commit beside a read waits for ever.

        Raises what it raises; RuntimeError when the thread has ended.
        """
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._calls.put((function, answer))
        if not self._thread.is_alive():
            self._refuse_calls()
        return await answer

    def hold(self, number: int, held: bool) -> None:
        """Read no more of the main topic's partition for now, or go on."""
        spot = confluent().TopicPartition(self._topics.main, number)
        self._calls.put((lambda consumer: (consumer.pause if held else consumer.resume)([spot]), None))

    def _serve(self, seconds: float) -> None:
        """Do what was called for, once something is, within *seconds*."""
        try:
            function, answer = self._calls.get(timeout=seconds) if seconds else self._calls.get_nowait()
        except queue.Empty:
            return
        try:
            result = function(self.consumer)
        except Exception as error:  # whoever called decides what it means
            self._answer(answer, None, error)
        else:
            self._answer(answer, result, None)

    def _answer(self, answer: asyncio.Future[Any] | None, result: Any, error: Exception | None) -> None:
        def tell() -> None:
            if answer is not None and not answer.done():
                if error is None:
                    answer.set_result(result)
                else:
                    answer.set_exception(error)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)

    def _refuse_calls(self) -> None:
        while not self._calls.empty():
            _, answer = self._calls.get_nowait()
            self._answer(answer, None, RuntimeError("the reader has ended; expected it to run; ask before close()"))

    def _read(self, consumer: Consumer) -> None:
        first = consumer.poll(0)
        if first is not None:
            self._loop.call_soon_threadsafe(self._board.arrived, [first, *consumer.consume(_MOST, 0)])
        self._serve(_IDLE if first is None else 0.0)

    def _ask(self, question: Coroutine[Any, Any, None]) -> None:
        """Have the loop run *question*, and serve calls meanwhile. Raises RuntimeError when the loop is gone."""
        if self._loop.is_closed():
            question.close()
            raise RuntimeError("the event loop is closed; expected it to run until close(); close consumers first")
        answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        until = time.monotonic() + _ANSWER
        while not answer.done() and time.monotonic() < until:
            self._serve(_IDLE)
        answer.result(0)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = sorted(each.partition for each in partitions)
        given: list[Given] | None = [] if not numbers else None
        while given is None and not self._closing.is_set():
            try:
                given = self._starts(consumer, numbers)
            except confluent().KafkaException as error:
                self._loop.call_soon_threadsafe(self._board.troubled, reason(error))
                self._closing.wait(_AGAIN)
        if given:
            self._ask(self._board.assigned(given))
        make = confluent().TopicPartition
        names = {Source.MAIN: self._topics.main, Source.RETRY: self._topics.retry}
        consumer.incremental_assign(
            [
                make(names[source], each.number, start.offset)
                for each in given or []
                for source, start in ((Source.RETRY, each.retry), (Source.MAIN, each.main))
            ]
        )

    def _starts(self, consumer: Consumer, numbers: list[int]) -> list[Given]:
        """Where to begin. Raises KafkaException."""
        make = confluent().TopicPartition
        names = (self._topics.main, self._topics.retry)
        wanted = [make(name, number) for number in numbers for name in names]
        starts: dict[tuple[str, int], Start] = {}
        for each in consumer.committed(wanted, timeout=self._link.timeout):
            if each.error is not None:
                raise confluent().KafkaException(each.error)
            low, high = consumer.get_watermark_offsets(make(each.topic, each.partition), timeout=self._link.timeout)
            if each.offset < 0:
                starts[each.topic, each.partition] = Start(low, "", high)
            else:
                # What retention has deleted cannot be done any more; the note counts from the committed offset.
                starts[each.topic, each.partition] = Start(min(each.offset, high), each.metadata or "", high)
        return [Given(number, starts[names[0], number], starts[names[1], number]) for number in numbers]

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = sorted(each.partition for each in partitions)
        if numbers:
            self._ask(self._board.revoked(numbers))
        self._unassign(consumer, numbers)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = sorted(each.partition for each in partitions)
        if numbers:
            self._ask(self._board.lost(numbers))
        self._unassign(consumer, numbers)

    def _unassign(self, consumer: Consumer, numbers: list[int]) -> None:
        make = confluent().TopicPartition
        consumer.incremental_unassign([make(name, number) for number in numbers for name in (self._topics.main, self._topics.retry)])

    def _failed(self, error: KafkaError) -> None:
        kinds = confluent().KafkaError
        if (error.code() == kinds._ALL_BROKERS_DOWN or error.fatal()) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._board.troubled, reason(error))
