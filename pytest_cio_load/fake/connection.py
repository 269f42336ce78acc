"""One connection to the loopback server: bytes in, answers out, and what faults do to it."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING, cast

from pytest_cio_load.fake.http import Incoming, Malformed, Reader, written

if TYPE_CHECKING:
    from pytest_cio_load.fake.answering import Answering
    from pytest_cio_load.fake.workspace import Reply

_AHEAD = 1_000_000
"""Bytes a client may send ahead of the answers before it is made to wait."""

_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Connection(asyncio.Protocol):
    """One connection: its requests are answered in order, one after the other, however many were sent ahead."""

    def __init__(self, fake: Answering) -> None:
        self._fake = fake
        self._reader = Reader()
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone; nobody waits for the answer any more."""
        self._busy = True
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._reader.feed(data)
        if not self._busy:
            self._serve()
        elif len(self._reader) > _AHEAD:
            self._transport.pause_reading()

    def _serve(self) -> None:
        while not self._busy:
            try:
                request = self._reader.next()
            except Malformed as malformed:
                self._write(
                    written(malformed.status, {"content-type": "text/plain"}, f"{malformed}\n".encode(), keep_alive=False), last=True
                )
                return
            if request is None:
                if self._reader.wants_continue:
                    self._reader.wants_continue = False
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self._take(request)

    def _take(self, request: Incoming) -> None:
        reply = self._fake.answer(request.method, request.path, request.headers, request.body, time.monotonic())
        if reply.action == "never":
            self._busy = True
        elif reply.delay > 0:
            self._busy = True
            self._timer = self._loop.call_later(reply.delay, self._late, reply, request)
        else:
            self._answer(reply, request)

    def _late(self, reply: Reply, request: Incoming) -> None:
        self._timer, self._busy = None, False
        self._transport.resume_reading()
        self._answer(reply, request)
        self._serve()

    def _answer(self, reply: Reply, request: Incoming) -> None:
        if reply.action == "reset":
            self._busy = True
            # Without it a closed connection would look like one that a server has ended in good order.
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._transport.abort()
            return
        bare, last = request.method == "HEAD", not request.keep_alive
        self._write(written(reply.status, reply.headers, reply.body, keep_alive=not last, bare=bare), last=last)

    def _write(self, answer: bytes, *, last: bool) -> None:
        self._transport.write(answer)
        if last:
            self._busy = True
            self._transport.close()
