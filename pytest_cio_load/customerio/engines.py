"""Faster ways for requests to travel than httpx, behind the same seam, and the choice between them.

httpx 0.28 keeps its connections in a pool whose cost grows with the square of the requests in flight, and would be blamed on Customer.io.
The mock needs no sockets and stays on httpx; it is for servers that the engine matters.
"""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.wire import (
    CONNECTIONS,
    TIMEOUT,
    Answer,
    HttpxSyncWire,
    HttpxWire,
    NoAnswer,
    Request,
    SyncWire,
    Wire,
    ca_file,
    check_timeout,
    headers_for,
    proxy_for,
    trust_for,
)
from pytest_cio_load.customerio.wire_reasons import reason
from pytest_cio_load.errors import near_miss

if TYPE_CHECKING:
    import httpx

    from pytest_cio_load.customerio.workspaces import Access

ENGINES = ("auto", "pyreqwest", "aiohttp", "httpx")
"""What ``--cio-wire`` takes. ``auto`` is the first of the others that is installed: the fastest."""

_SHORTER = 0.01
_DOTS = "%2E"


def make_wire(
    workspace: Access,
    engine: str | None = "auto",
    *,
    timeout: float = TIMEOUT,
    connections: int = CONNECTIONS,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Wire:
    """A wire to the server of *workspace*, for coroutines.

    Args:
        workspace: says where to and with which credentials.
        engine: one of `ENGINES`; None for ``auto``.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many.
        transport: goes in place of the network: the fake's door, which only httpx can use.

    Raises:
        ValueError: an engine that does not exist or is not installed, a time-out that is none, or a file of certificates that is none.
    """
    _check(engine)
    if transport is not None:
        return HttpxWire(workspace, timeout=timeout, connections=connections, transport=transport)
    name = engine if engine and engine != "auto" else next(name for name in ENGINES[1:] if find_spec(name))
    wire: Wire = _WIRES[name](workspace, timeout=timeout, connections=connections)
    return wire


def make_sync_wire(
    workspace: Access,
    engine: str | None = "auto",
    *,
    timeout: float = TIMEOUT,
    connections: int = CONNECTIONS,
    transport: httpx.BaseTransport | None = None,
) -> SyncWire:
    """A wire to the server of *workspace*, for threads. Arguments as of `make_wire`; aiohttp has nothing for threads, httpx stands in."""
    _check(engine)
    fast = engine == "pyreqwest" or (engine in (None, "auto") and find_spec("pyreqwest") is not None)
    if transport is None and fast:
        return PyreqwestSyncWire(workspace, timeout=timeout, connections=connections)
    return HttpxSyncWire(workspace, timeout=timeout, connections=connections, transport=transport)


class AiohttpWire:
    """Requests over aiohttp from a coroutine. Its session belongs to a loop, so it is made in the first call.

    Args:
        workspace: says where to and with which credentials.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many.
    """

    def __init__(self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
        import aiohttp
        from yarl import URL

        check_timeout(timeout)
        self._failures = (aiohttp.ClientError, OSError)
        self._url, self._base = URL, workspace.base_url
        self._timeout, self._connections = timeout, connections
        self._headers, self._json_headers = headers_for(workspace)
        self._proxy = proxy_for(workspace.base_url)
        self._secure: Any = trust_for(workspace.base_url) or True
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> Any:
        import aiohttp

        # No total: it would count the wait for a connection.
        times = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=self._timeout)
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=self._secure)
        bare = ("Content-Type", "Accept-Encoding")
        session = aiohttp.ClientSession(connector=connector, timeout=times, cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=bare)
        # It would send a PUT or DELETE again when a kept connection is lost, and neither we nor the retry would know.
        session._retry_connection = False
        return session

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""
        if self._session is None:
            self._session = self._open()
        headers = self._headers if request.body is None else self._json_headers
        url = self._url(self._base + request.path, encoded=True)
        try:
            async with self._session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False, proxy=self._proxy
            ) as response:
                body = await response.read()
                return Answer(response.status, _lowered(response.headers), body)
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


class _Pyreqwest:
    """What both wires over pyreqwest (reqwest, in Rust) share."""

    def __init__(self, workspace: Access, timeout: float) -> None:
        from pyreqwest.exceptions import PyreqwestError

        check_timeout(timeout)
        self._failures: type[Exception] = PyreqwestError
        self._workspace, self._timeout, self._base = workspace, timeout, workspace.base_url

    def _built(self, builder: Any, connections: int) -> Any:
        limit = timedelta(seconds=self._timeout)
        # Told apart only by which ends first: the time to wait for an answer includes the time to connect.
        to_connect = limit - min(timedelta(seconds=_SHORTER), limit / 10)
        builder = builder.http1_only().follow_redirects(False).error_for_status(False).connect_timeout(to_connect).read_timeout(limit)
        builder = builder.gzip(True).max_connections(connections).pool_max_idle_per_host(connections)
        builder = builder.default_headers(headers_for(self._workspace)[0])
        if proxy_for(self._base) is None:
            builder = builder.no_proxy()
        trusted = ca_file()
        if trusted is not None and trust_for(self._base):
            with open(trusted, "rb") as certificates:
                builder = builder.add_root_certificate_pem(certificates.read())
        return builder.build()

    def _request(self, client: Any, request: Request) -> Any:
        asked = client.request(request.method, self._base + request.path)
        if request.body is not None:
            asked = asked.header("content-type", "application/json").body_bytes(request.body)
        return asked.build()


class PyreqwestWire(_Pyreqwest):
    """Requests over pyreqwest from a coroutine. Arguments as of `AiohttpWire`.

    A call that is cancelled ends at once, but pyreqwest keeps its request and its connection until the server answers or the time is out.
    """

    def __init__(self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
        from pyreqwest.client import ClientBuilder

        super().__init__(workspace, timeout)
        self._client = self._built(ClientBuilder(), connections)
        self._for_dots: HttpxWire | None = None

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""
        if _DOTS in request.path:
            return await self._literal().send(request)
        try:
            response = await self._request(self._client, request).send()
            body = bytes(await response.bytes())
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        return Answer(response.status, _lowered(response.headers), body)

    def _literal(self) -> HttpxWire:
        """For a person called "." or "..": reqwest takes such a part of a path for a step up, even when it is encoded."""
        if self._for_dots is None:
            self._for_dots = HttpxWire(self._workspace, timeout=self._timeout)
        return self._for_dots

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()
        if self._for_dots is not None:
            await self._for_dots.aclose()


class PyreqwestSyncWire(_Pyreqwest):
    """Requests over pyreqwest from a thread; may be shared by many. Arguments as of `AiohttpWire`."""

    def __init__(self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
        from pyreqwest.client import SyncClientBuilder

        super().__init__(workspace, timeout)
        self._client = self._built(SyncClientBuilder(), connections)
        self._for_dots = HttpxSyncWire(workspace, timeout=timeout)

    def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""
        if _DOTS in request.path:
            return self._for_dots.send(request)
        try:
            response = self._request(self._client, request).send()
            body = bytes(response.bytes())
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        return Answer(response.status, _lowered(response.headers), body)

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
        self._for_dots.close()


_WIRES: dict[str, Any] = {"pyreqwest": PyreqwestWire, "aiohttp": AiohttpWire, "httpx": HttpxWire}


def _check(engine: str | None) -> None:
    if engine is None or engine == "auto":
        return
    if engine not in ENGINES:
        hint = near_miss(engine, ENGINES) or "leave it out for the fastest that is installed"
        raise ValueError(f"wire: got {engine!r}; expected one of {', '.join(ENGINES)}; {hint}")
    if find_spec(engine) is None:
        raise ValueError(f"wire: got {engine!r}, which is not installed; expected it to be; run: pip install 'pytest-cio-load[speed]'")


def _lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
