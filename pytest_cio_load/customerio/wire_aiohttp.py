"""Requests over aiohttp."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.http1 import AnyCase
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Observe, Phase, Request
from pytest_cio_load.customerio.wire_reasons import reason
from pytest_cio_load.customerio.wire_setup import CONNECTIONS, TIMEOUT, check_timeout, headers_for, open_gate, proxy_for, trust_for
from pytest_cio_load.safety.permit import Gate

if TYPE_CHECKING:
    import aiohttp

    from pytest_cio_load.customerio.workspaces import Access


class AiohttpWire:
    """Requests over aiohttp from a coroutine. Its session belongs to a loop, so it is made in the first call.

    Args:
        workspace: says where to and with which credentials.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many.
        observe: is told what a connection cost; see `Observe`.

    Raises:
        GuardRefused: a test may not reach the server.
    """

    def __init__(
        self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS, observe: Observe | None = None
    ) -> None:
        import aiohttp
        from yarl import URL

        check_timeout(timeout)
        self._failures = (aiohttp.ClientError, OSError)
        self._url, self._base = URL, workspace.base_url
        self._gate = open_gate(workspace)
        self._timeout, self._connections = timeout, connections
        self._headers, self._json_headers = headers_for(workspace)
        self._proxy = proxy_for(self._base)
        self._secure: Any = trust_for(self._base) or True
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> Any:
        import aiohttp

        # No total: it would count the wait for a connection.
        times = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=self._timeout)
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=self._secure)
        bare = ("Content-Type", "Accept-Encoding")
        traces = [] if self._observe is None else [_traced(self._observe)]
        session = aiohttp.ClientSession(
            connector=connector, timeout=times, cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=bare, trace_configs=traces
        )
        # It would send a PUT or DELETE again when a kept connection is lost, and neither we nor the retry would know.
        session._retry_connection = False
        return session

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""
        if self._session is None:
            self._session = self._open()
        headers = self._headers if request.body is None else self._json_headers
        url = self._url(self._base + request.path, encoded=True)
        passing = None
        if self._gate is not None:
            self._gate.check(request.method, request.path)
            passing = self._gate.enter()
        try:
            async with self._session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False, proxy=self._proxy
            ) as response:
                body = await response.read()
                return Answer(response.status, AnyCase(response.headers), body)
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        finally:
            if passing is not None:
                Gate.leave(passing)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


def _traced(observe: Observe) -> Any:
    """Has aiohttp tell *observe* of its connections. The handshake is part of connecting, and cannot be told from it."""
    import aiohttp

    def begins(phase: Phase) -> Any:
        async def begin(session: object, context: Any, about: object) -> None:
            context.under_way = (phase, perf_counter())

        return begin

    async def ends(session: object, context: Any, about: object) -> None:
        phase, began = getattr(context, "under_way", None) or (None, 0.0)
        if phase is not None:
            context.under_way = None
            observe(phase, perf_counter() - began)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(begins("connect"))
    trace.on_connection_queued_start.append(begins("pool"))
    # The last is what it tells when either was in vain.
    for told in (trace.on_connection_create_end, trace.on_connection_queued_end, trace.on_request_exception):
        told.append(ends)
    return trace
