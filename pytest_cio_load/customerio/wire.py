"""The seam between what is said and how it travels: a request goes in, an answer comes out.

A wire knows the server, the credentials and the connections. It knows no operations, keeps no pace and never repeats a request.
httpx is imported when a wire is made, not before.

A wire to a host of Customer.io has a gate (:mod:`pytest_cio_load.safety.permit`): in a process that runs tests with our plugin it opens no
socket without a permit of the guard. The wires over httpx ask where httpx goes to its network, and not when they are made: a test that has
respx or a transport of its own answer in place of the network opens no socket and needs no permit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable
from urllib.parse import urlsplit

from pytest_cio_load.customerio.wire_reasons import reason
from pytest_cio_load.customerio.wire_setup import CONNECTIONS, TIMEOUT, check_timeout, headers_for, proxy_for, trust_for
from pytest_cio_load.safety.permit import Gate, gate_for, is_watched

if TYPE_CHECKING:
    import httpx

    from pytest_cio_load.customerio.workspaces import Access

__all__ = [
    "CONNECTIONS",
    "TIMEOUT",
    "Answer",
    "HttpxSyncWire",
    "HttpxWire",
    "NoAnswer",
    "Observe",
    "Phase",
    "Request",
    "SyncWire",
    "Warms",
    "Wire",
]

Phase: TypeAlias = Literal["connect", "tls", "pool"]
"""What a request may have waited for before it was sent."""

Observe: TypeAlias = Callable[[Phase, float], None]
"""Is told what connections cost, as it happens: the phase and its seconds.

    connect   a connection was made: looking the name up, and TCP
    tls       its handshake
    pool      a request waited for a free connection, because as many as there may be were busy

Engines tell what they know: ``direct`` and ``httpx`` for coroutines all but httpx's pool, aiohttp the handshake within ``connect``,
pyreqwest nothing.
"""

_PHASES: dict[str, Phase] = {"connection.connect_tcp": "connect", "connection.start_tls": "tls"}
"""What httpx's network calls them."""


@dataclass(slots=True, unsafe_hash=True)  # one of each call, and a frozen one takes four times as long to make
class Request:
    """What goes out; never changed. Path and body hold a person's data and are not shown."""

    method: str
    path: str = field(repr=False)
    body: bytes | None = field(repr=False, default=None)


@dataclass(slots=True, unsafe_hash=True)  # as of Request
class Answer:
    """What comes back; never changed.

    Attributes:
        status: of HTTP.
        headers: by lower-case name.
        body: decoded of its content encoding; not shown, for a server may echo what it was sent.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class NoAnswer(Exception):
    """The network failed; *reason* says how, without address or payload."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Wire(Protocol):
    """Sends requests from a coroutine.

    A client cannot tell whether a wire of one's own opens sockets, so it takes any. One that does, and is used in tests, asks
    :func:`pytest_cio_load.safety.permit.check` before it sends.
    """

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""

    async def aclose(self) -> None:
        """Close every connection."""


@runtime_checkable
class Warms(Protocol):
    """A wire that can open connections ahead of need."""

    async def warm(self, count: int) -> int:
        """Have *count* connections open. Returns how many are."""


class SyncWire(Protocol):
    """Sends requests from a thread. As of `Wire`."""

    def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""

    def close(self) -> None:
        """Close every connection."""


class _Trace:
    """What httpx's network tells of one request: the ``trace`` that httpx documents.

    The first event comes before it connects or writes: then the gate is asked. None comes when somebody answers in the network's place.
    """

    __slots__ = ("_began", "_gate", "_method", "_observe", "_path")

    def __init__(self, request: Request, gate: Gate | None, observe: Observe | None) -> None:
        self._method, self._path = request.method, request.path
        self._gate, self._observe = gate, observe
        self._began = 0.0

    def __call__(self, event: str, about: object) -> object:
        """One event of a blocking transport."""
        if self._gate is not None:
            self._gate.check(self._method, self._path)
            self._gate = None
        if self._observe is not None:
            name, _, moment = event.rpartition(".")
            phase = _PHASES.get(name)
            if phase is not None and moment == "started":
                self._began = perf_counter()
            elif phase is not None and moment in ("complete", "failed"):
                self._observe(phase, perf_counter() - self._began)
        return None


class _AsyncTrace(_Trace):
    """The same for a transport for coroutines."""

    async def __call__(self, event: str, about: object) -> None:
        """One event."""
        super().__call__(event, about)


class _Httpx:
    """What both httpx wires share: how a request is built.

    Requests go straight to httpx's transport. Its client class would double the CPU time of a call, follow what we do not want followed,
    and log every URL, and with it every identifier, at INFO.
    """

    def __init__(self, workspace: Access, timeout: float, observe: Observe | None) -> None:
        import httpx

        check_timeout(timeout)
        self._observe = observe
        self._new_request = httpx.Request
        self._failures: type[Exception] = httpx.RequestError
        self._base_url = workspace.base_url
        self._gate = gate_for(self._base_url, workspace.key)
        self._timeout = timeout
        self._extensions: dict[str, Any] = {"timeout": {"connect": timeout, "read": timeout, "write": timeout, "pool": None}}
        host = {"host": urlsplit(self._base_url).netloc}
        self._headers, self._json_headers = (httpx.Headers({**host, **headers}) for headers in headers_for(workspace))

    def _build(self, request: Request, trace: type[_Trace]) -> httpx.Request:
        headers = self._headers if request.body is None else self._json_headers
        url = self._base_url + request.path
        extensions = self._extensions
        gate = self._gate if self._gate is not None and is_watched() else None
        if gate is not None or self._observe is not None:
            extensions = {**extensions, "trace": trace(request, gate, self._observe)}
        return self._new_request(request.method, url, headers=headers, content=request.body, extensions=extensions)


class HttpxWire(_Httpx):
    """Requests over httpx from a coroutine.

    Args:
        workspace: says where to and with which credentials.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many; all of them are kept open.
        transport: goes in place of the network: the fake's door.
        observe: is told what a connection cost; see `Observe`.
        http2: offer HTTP/2 to a server with TLS; needs the package h2.
    """

    def __init__(
        self,
        workspace: Access,
        *,
        timeout: float = TIMEOUT,
        connections: int = CONNECTIONS,
        transport: httpx.AsyncBaseTransport | None = None,
        observe: Observe | None = None,
        http2: bool = False,
    ) -> None:
        import httpx

        super().__init__(workspace, timeout, observe)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        secure = trust_for(self._base_url) if transport is None else False
        proxy = proxy_for(self._base_url)
        self._transport = transport or httpx.AsyncHTTPTransport(verify=secure, limits=limits, proxy=proxy, http2=http2)

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""
        passing = None if self._gate is None else self._gate.enter()
        try:
            response = await self._transport.handle_async_request(self._build(request, _AsyncTrace))
            try:
                body = await response.aread()
            finally:
                await response.aclose()
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        finally:
            if passing is not None:
                Gate.leave(passing)
        return Answer(response.status_code, response.headers, body)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


class HttpxSyncWire(_Httpx):
    """Requests over httpx from a thread; may be shared by many. Arguments as of :class:`HttpxWire`."""

    def __init__(
        self,
        workspace: Access,
        *,
        timeout: float = TIMEOUT,
        connections: int = CONNECTIONS,
        transport: httpx.BaseTransport | None = None,
        observe: Observe | None = None,
        http2: bool = False,
    ) -> None:
        import httpx

        super().__init__(workspace, timeout, observe)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        secure = trust_for(self._base_url) if transport is None else False
        proxy = proxy_for(self._base_url)
        self._transport = transport or httpx.HTTPTransport(verify=secure, limits=limits, proxy=proxy, http2=http2)

    def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""
        passing = None if self._gate is None else self._gate.enter()
        try:
            response = self._transport.handle_request(self._build(request, _Trace))
            try:
                body = response.read()
            finally:
                response.close()
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        finally:
            if passing is not None:
                Gate.leave(passing)
        return Answer(response.status_code, response.headers, body)

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()
