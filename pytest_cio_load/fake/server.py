"""The loopback door: the fake as a real HTTP(S) server, on asyncio."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pytest_cio_load.fake.http import Incoming, Malformed, Reader, written

if TYPE_CHECKING:
    import ssl

    from pytest_cio_load.fake.doors import Answering
    from pytest_cio_load.fake.workspace import Reply

LOOPBACK = "127.0.0.1"


class _Connection(asyncio.Protocol):
    """One connection: its requests are answered in order, one after the other, however many were sent ahead."""

    def __init__(self, fake: Answering) -> None:
        self._fake = fake
        self._reader = Reader()
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone; nobody waits for the answer any more."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._reader.feed(data)
        if not self._busy:
            self._serve()

    def _serve(self) -> None:
        while not self._busy:
            try:
                request = self._reader.next()
            except Malformed as malformed:
                body = f"{malformed}\n".encode()
                self._transport.write(written(malformed.status, {"content-type": "text/plain"}, body, keep_alive=False))
                self._transport.close()
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
            self._timer = self._loop.call_later(reply.delay, self._late, reply, request.keep_alive)
        else:
            self._answer(reply, request.keep_alive)

    def _late(self, reply: Reply, keep_alive: bool) -> None:
        self._timer, self._busy = None, False
        self._answer(reply, keep_alive)
        self._serve()

    def _answer(self, reply: Reply, keep_alive: bool) -> None:
        if reply.action == "reset":
            self._busy = True
            self._transport.abort()
            return
        self._transport.write(written(reply.status, reply.headers, reply.body, keep_alive=keep_alive))
        if not keep_alive:
            self._busy = True
            self._transport.close()


async def serve(fake: Answering, *, port: int = 0, secure: ssl.SSLContext | None = None) -> asyncio.Server:
    """Serve *fake* on loopback, and on nothing else.

    Args:
        fake: a workspace, or an account of several.
        port: 0 for a free one.
        secure: for HTTPS.

    Raises:
        OSError: the port is taken.
    """
    return await asyncio.get_running_loop().create_server(lambda: _Connection(fake), LOOPBACK, port, ssl=secure, backlog=1024)


def url_of(server: asyncio.Server, *, secure: bool = False) -> str:
    """Where *server* listens."""
    port = server.sockets[0].getsockname()[1]
    return f"http{'s' * secure}://{LOOPBACK}:{port}"
