"""Requests from a coroutine straight to the loop's sockets: nothing between a request and its bytes.

One connection carries one request at a time, over HTTP/1.1, and is kept. A wire of this kind costs a third of the next best engine, and is
the same on every event loop. It knows no proxies; :func:`pytest_cio_load.customerio.engines.make_wire` takes another engine for these.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

from pytest_cio_load.customerio.connection import Connection, settle
from pytest_cio_load.customerio.http1 import Heads
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Observe, Phase, Request
from pytest_cio_load.customerio.wire_reasons import LOST, NO_CONNECTION, REFUSED, late_answer, late_connection, reason
from pytest_cio_load.customerio.wire_setup import CONNECTIONS, TIMEOUT, check_timeout, headers_for, open_gate, trust_for
from pytest_cio_load.safety.permit import Gate

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Access

_AT_ONCE = 64
"""Connections opened at the same time when a wire is warmed: a server's queue of new ones may be short."""

_KEPT = 55.0
"""Seconds after which a free connection is not used again: many a server closes it after a minute, perhaps as the next request leaves."""

_LAST_WORDS = 1.0
"""Seconds that closed connections get to be gone."""


class DirectWire:
    """Requests over sockets of the running loop. Its connections belong to a loop, so they are made in the first call.

    Args:
        workspace: says where to and with which credentials.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many; all of them are kept open.
        observe: is told what a connection cost; see `Observe`.

    Raises:
        GuardRefused: a test may not reach the server.
    """

    def __init__(
        self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS, observe: Observe | None = None
    ) -> None:
        check_timeout(timeout)
        self._gate = open_gate(workspace)
        self._timeout, self._limit, self._observe = timeout, connections, observe
        parts = urlsplit(workspace.base_url)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._secure: ssl.SSLContext | Literal[False] = trust_for(workspace.base_url)
        self._prefix = parts.path
        self._bare, self._with_body = (_head(parts.netloc, headers) for headers in headers_for(workspace))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: set[Connection] = set()
        # The last one used is the next: what stays at the bottom may grow old and be closed by the server.
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._heads: Heads = {}
        self._count = 0
        self._watch: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""
        gate = self._gate
        if gate is not None:
            gate.check(request.method, request.path)
            passing = gate.enter()
            try:
                return await self._send(request)
            finally:
                Gate.leave(passing)
        return await self._send(request)

    async def warm(self, count: int) -> int:
        """Open connections ahead of need, so that no call has to wait for one.

        Args:
            count: how many are wanted, those that are open included; no more than the wire's limit are made.

        Returns:
            How many are open: fewer when the server takes no more, which is for the calls to report.

        Raises:
            GuardRefused: a test may not reach the server.
        """
        passing = None
        if self._gate is not None:
            self._gate.check_open()
            passing = self._gate.enter()
        try:
            while (missing := min(count, self._limit) - self._count) > 0:
                opened = await asyncio.gather(*(self._warm_one() for _ in range(min(missing, _AT_ONCE))))
                if not any(opened):
                    break
        finally:
            if passing is not None:
                Gate.leave(passing)
        return len(self._open)

    async def _warm_one(self) -> bool:
        if self._count >= self._limit:
            return False
        try:
            connection = await self._connect()
        except NoAnswer:
            return False
        self.give_back(connection)
        if self._idle and self._idle[-1] is connection:
            # The first one opened is the first one used: a server that takes one connection at a time has taken that.
            self._idle.insert(0, self._idle.pop())
        return True

    async def aclose(self) -> None:
        """Close every connection."""
        self._is_closed = True
        if self._watch is not None:
            self._watch.cancel()
        for connection in list(self._open):
            connection.abort()
        while self._waiting:
            settle(self._waiting.popleft(), None)
        if self._open:
            await asyncio.wait([connection.gone for connection in self._open], timeout=_LAST_WORDS)

    async def _send(self, request: Request) -> Answer:
        path, body = self._prefix + request.path, request.body
        if not path.isascii() or " " in path or not path.isprintable():
            raise ValueError("path: got characters that a request line cannot hold; expected it percent-encoded; use quote(...)")
        if body is None:
            data = f"{request.method} {path}{self._bare}\r\n".encode("ascii")
            if request.method in ("POST", "PUT"):
                data = data[:-2] + b"content-length: 0\r\n\r\n"
        else:
            data = f"{request.method} {path}{self._with_body}content-length: {len(body)}\r\n\r\n".encode("ascii") + body
        idle, now = self._idle, asyncio.get_running_loop().time()
        while idle:
            connection = idle.pop()
            if connection.is_usable and now - connection.heard < _KEPT:
                break
            connection.abort()
        else:
            connection = await self._another()
            now = connection.loop.time()
        came = connection.ask(data, now)
        if self._watch is None:
            self._watch = connection.loop.call_later(self._timeout, self._look)
        try:
            answer = await came
        except asyncio.CancelledError:
            if connection.came is came:  # else it came in the same moment, and the connection may be somebody else's by now
                connection.abort()
            raise
        if type(answer) is str:
            raise NoAnswer(answer) from None
        return cast("Answer", answer)

    async def _another(self) -> Connection:
        """A new connection or, when there are as many as there may be, the next that is given back."""
        if self._is_closed:
            raise RuntimeError("wire: got a request after it was closed; expected none; make a new one")
        if self._count >= self._limit:
            began = perf_counter()
            try:
                connection = await self._one_given_back()
            finally:
                # Also of one that was waited for in vain: it would count as one that was not waited for.
                self._note("pool", perf_counter() - began)
            if connection is not None:
                return connection
        return await self._connect()

    async def _one_given_back(self) -> Connection | None:
        """The next connection that is given back; None once there may be a new one."""
        while self._count >= self._limit:
            turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                connection = await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    # It was given one in the same moment.
                    self.give_back(turn.result())
                raise
            if self._is_closed:
                raise NoAnswer(NO_CONNECTION)
            if connection is not None and connection.is_usable:
                return connection
        return None

    async def _connect(self) -> Connection:
        self._loop = loop = self._loop or asyncio.get_running_loop()
        self._count += 1
        connection = Connection(self, loop, self._heads)
        why = ""
        try:
            async with asyncio.timeout(self._timeout):
                await self._establish(connection, loop)
        except TimeoutError:
            why = late_connection(self._timeout)
        except (OSError, EOFError) as error:
            why = _why_not(error, self._timeout)
        except ValueError:
            # A host that no name server can be asked for.
            why = NO_CONNECTION
        finally:
            if not connection.is_usable:
                connection.abort()
                self._count -= 1
                self._make_room()
        if why or not connection.is_usable:
            raise NoAnswer(why or LOST) from None
        self._open.add(connection)
        return connection

    async def _establish(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        began = perf_counter()  # uvloop's own time is of whole milliseconds
        try:
            await loop.create_connection(lambda: connection, self._host, self._port)
        finally:
            self._note("connect", perf_counter() - began)
        if self._secure:
            began = perf_counter()
            try:
                secured = await loop.start_tls(connection.transport, connection, self._secure, server_hostname=self._host)
            finally:
                self._note("tls", perf_counter() - began)
            if secured is None:
                raise ConnectionResetError
            connection.transport = secured
        connection.is_usable = not connection.gone.done()

    def _note(self, phase: Phase, seconds: float) -> None:
        if self._observe is not None:
            self._observe(phase, seconds)

    def give_back(self, connection: Connection | None) -> None:
        """*connection* is free (None: there is room for one): to whoever waits longest, else to be kept."""
        while self._waiting:
            if settle(self._waiting.popleft(), connection):
                return
        if connection is not None and connection.is_usable:
            self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """*connection* has ended."""
        if connection in self._open:
            self._open.discard(connection)
            self._count -= 1
            self._make_room()

    def _make_room(self) -> None:
        if self._waiting:
            self.give_back(None)

    def _look(self) -> None:
        """Give up on answers that are overdue. One timer for all of them: one for each would cost more than the rest of a request."""
        self._watch = None
        loop = cast("asyncio.AbstractEventLoop", self._loop)
        now, next_look, overdue = loop.time(), 0.0, []
        for connection in self._open:
            if connection.came is not None:
                due = connection.heard + self._timeout
                if due <= now:
                    overdue.append(connection)
                else:
                    next_look = min(next_look or due, due)
        if next_look:
            self._watch = loop.call_at(next_look, self._look)
        # Last: whoever waited goes on at once, and may ask again, which sees to the next look.
        for connection in overdue:
            connection.fail(late_answer(self._timeout))


def _head(host: str, headers: dict[str, str]) -> str:
    """All of a request's head between its path and what depends on its body."""
    lines = {"host": host, **headers}
    return " HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())


def _why_not(error: BaseException, timeout: float) -> str:
    told = reason(error, timeout)
    # A name with several addresses: the loop puts what became of each into one text.
    if told == "OSError":
        return REFUSED if f"[Errno {errno.ECONNREFUSED}]" in str(error) else NO_CONNECTION
    return told
