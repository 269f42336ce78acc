"""One connection to a server, with at most one request on it."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar, cast

from pytest_cio_load.customerio.coming import Coming
from pytest_cio_load.customerio.http1 import AnswerReader, Heads, NotHttp, Undecodable
from pytest_cio_load.customerio.wire import Answer
from pytest_cio_load.customerio.wire_reasons import GARBAGE, LOST, UNDECODABLE

T = TypeVar("T")


class Keeper(Protocol):
    """Who has the connections."""

    def give_back(self, connection: Connection) -> None:
        """It is free for the next request."""

    def forget(self, connection: Connection) -> None:
        """It has ended."""


class Connection(asyncio.Protocol):
    """One connection, with at most one request on it.

    Args:
        keeper: is told when it is free, and when it has ended.
        loop: whose sockets it is on.
        heads: of answers that were read lately, of all connections to the server.

    Attributes:
        is_usable: whether it may carry a request.
        came: the answer to come, or why there is none; None while no request is on it.
        heard: when it was made, a request was sent, or a part of its answer last arrived; seconds of the loop's clock.
        gone: done when it has ended.
    """

    __slots__ = ("_heads", "_keeper", "_reader", "came", "gone", "heard", "is_usable", "loop", "transport")

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop, heads: Heads) -> None:
        self._keeper, self.loop, self._heads = keeper, loop, heads
        self._reader: AnswerReader | None = None
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.came: Coming[Answer | str] | None = None
        self.gone: asyncio.Future[None] = loop.create_future()
        self.heard = 0.0
        self.is_usable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop has connected it."""
        self.transport = cast("asyncio.Transport", transport)
        self.heard = self.loop.time()

    def ask(self, data: bytes, now: float) -> Coming[Answer | str]:
        """Write a request. What comes is its answer, or the reason why there is none. *now*: seconds of the loop's clock."""
        came: Coming[Answer | str] = Coming(self.loop)
        self.came = came
        self._reader = AnswerReader(self._heads)
        self.heard = now
        self.transport.write(data)
        return came

    def data_received(self, data: bytes) -> None:
        """Something arrived."""
        reader = self._reader
        if reader is None:
            # Nobody asked: what is on this connection can no longer be told apart.
            self.abort()
            return
        try:
            if reader.feed(data):
                self._finish(reader)
            else:
                self.heard = self.loop.time()
        except NotHttp:
            self.fail(GARBAGE)

    def connection_lost(self, error: Exception | None) -> None:
        """It has ended."""
        self.is_usable = False
        if not self.gone.done():
            self.gone.set_result(None)
        reader = self._reader
        if reader is not None and error is None and reader.end():
            self._finish(reader)
        elif self.came is not None:
            self.fail(LOST)
        self._keeper.forget(self)

    def fail(self, why: str) -> None:
        """There is no answer, and the connection is of no more use."""
        came, self.came, self._reader = self.came, None, None
        self.abort()
        if came is not None:
            came.give(why)

    def abort(self) -> None:
        """Close it at once."""
        self.is_usable = False
        if self.transport is not None:
            self.transport.abort()

    def _finish(self, reader: AnswerReader) -> None:
        came, self.came, self._reader = self.came, None, None
        try:
            result: Answer | str = Answer(reader.status, reader.headers, reader.body())
        except Undecodable:
            result = UNDECODABLE
        # An answer that came before the whole request was taken: the rest of that request is still in the way.
        if reader.keeps and self.is_usable and not self.transport.get_write_buffer_size():
            self._keeper.give_back(self)
        else:
            self.abort()
        if came is not None:
            came.give(result)


def settle(future: asyncio.Future[T], result: T) -> bool:
    """Give *future* its result; False when nobody waits for it any more."""
    if future.done():
        return False
    future.set_result(result)
    return True
