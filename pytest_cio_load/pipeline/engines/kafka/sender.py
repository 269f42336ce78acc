"""Writes messages to Kafka, in order, and waits for the brokers' word without holding up the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_cio_load.pipeline.engines.kafka.link import Link, confluent, log, reason

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

    from pytest_cio_load.pipeline.engines.kafka.wire import Outgoing

_FULL_WAIT = 0.01
_POLL = 0.1


class Unfit(str):
    """Why a message was not written that will never be: it is too large, or of a form that its topic does not take."""

    __slots__ = ()


def _why(error: KafkaError | RuntimeError) -> str:
    kinds = confluent().KafkaError
    unfit = (kinds.MSG_SIZE_TOO_LARGE, kinds.RECORD_LIST_TOO_LARGE, kinds.INVALID_RECORD)
    text = reason(error)
    return Unfit(text) if not isinstance(error, RuntimeError) and error.code() in unfit else text


class _Batch:
    """Messages that were written together, until each has been acknowledged or given up."""

    def __init__(self, many: int) -> None:
        self.results: list[int | str] = ["not written"] * many
        self._left = many
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self.landed: asyncio.Future[None] = self._loop.create_future()

    def land(self, index: int, error: KafkaError | None, message: Message | None) -> None:
        """Called in the thread that polls, and in the loop's for what was refused at once."""
        if error is None and message is not None:
            self.results[index] = message.offset() or 0
        else:
            self.results[index] = _why(error or RuntimeError("no report"))
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self.landed.done():
            self.landed.set_result(None)


class Sender:
    """Writes messages to Kafka: idempotent, acknowledged by every replica in step.

    Args:
        link: where the brokers are.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._producer: Producer | None = None
        self._broken = False
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._lock = asyncio.Lock()

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = confluent().Producer(
                self._link.settings(
                    enable_idempotence=True,
                    acks="all",
                    partitioner="murmur2_random",
                    linger_ms=1,
                    message_timeout_ms=max(1_000, round(self._link.timeout * 1000)),
                    failed=self._failed,
                )
            )
        if self._thread is None:
            self._thread = threading.Thread(target=self._poll, name="cio-load-kafka-sender", daemon=True)
            self._thread.start()
        return self._producer

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken = True

    def _poll(self) -> None:
        while not self._closing.is_set():
            producer = self._producer
            if producer is None:
                self._closing.wait(_POLL)
                continue
            try:
                producer.poll(_POLL)
            except confluent().KafkaException as error:
                log.info("a producer may write no more: %s", self._link.hide(reason(error)))
                self._broken = True
            if self._broken:
                # An idempotent producer that has lost its place writes nothing more; the next one begins anew.
                producer.purge()
                if not len(producer):
                    self._producer, self._broken = None, False

    async def send(self, messages: Sequence[Outgoing]) -> list[int | str]:
        """Write messages, in order: for each the offset where it is, or why it was not written.

        That is :class:`Unfit` when it never will be; what was sent in one batch with such a message may be refused with it.
        """
        if not messages:
            return []
        batch = _Batch(len(messages))
        async with self._lock:
            while self._broken:
                await asyncio.sleep(_FULL_WAIT)
            producer = self._open()
            for index, message in enumerate(messages):
                await self._produce(producer, message, partial(batch.land, index))
        await batch.landed
        return batch.results

    async def _produce(self, producer: Producer, message: Outgoing, landed: Any) -> None:
        """Hand one message over; wait while librdkafka's own queue is full."""
        from confluent_kafka import KafkaException

        more: dict[str, Any] = {} if message.partition is None else {"partition": message.partition}
        while True:
            try:
                producer.produce(message.topic, message.value, message.key, on_delivery=landed, headers=message.headers, **more)
                return
            except BufferError:
                await asyncio.sleep(_FULL_WAIT)
            except KafkaException as error:
                landed(error.args[0], None)
                return

    async def aclose(self) -> None:
        """Write what was handed over, as far as it goes in time, and end the thread."""
        producer, thread = self._producer, self._thread
        if producer is not None:
            await asyncio.to_thread(producer.flush, self._link.timeout)
        self._closing.set()
        if thread is not None:
            await asyncio.to_thread(thread.join)
        self._producer = self._thread = None
