"""Faster ways for requests to travel than httpx, behind the same seam, and the choice between them.

httpx 0.28 keeps its connections in a pool whose cost grows with the square of the requests in flight, and would be blamed on Customer.io.
The mock needs no sockets and stays on httpx; it is for servers that the engine matters.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.wire import CONNECTIONS, TIMEOUT, Answer, HttpxWire, NoAnswer, Request, Wire, ca_file, proxy_for, trust
from pytest_cio_load.errors import near_miss

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Access

ENGINES = ("auto", "pyreqwest", "aiohttp", "httpx")
"""What ``--cio-wire`` takes. ``auto`` is the fastest of the others that is installed."""

_REFUSED = "connection refused"
_RESET = "connection lost before the answer was complete"
_GARBAGE = "the answer is not HTTP"
_TLS = "TLS failed: the server's certificate is not trusted, or it speaks no TLS"


def make_wire(workspace: Access, engine: str = "auto", *, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> Wire:
    """A wire to the server of *workspace*.

    Args:
        workspace: says where to and with which credentials.
        engine: one of `ENGINES`.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many.

    Raises:
        ValueError: an engine that does not exist, or is not installed.
    """
    if engine not in ENGINES:
        hint = near_miss(engine, ENGINES) or "leave it out for the fastest that is installed"
        raise ValueError(f"wire: got {engine!r}; expected one of {', '.join(ENGINES)}; {hint}")
    if engine == "auto":
        engine = next(name for name in ENGINES[1:] if find_spec(name) is not None)
    if find_spec(engine) is None:
        raise ValueError(f"wire: got {engine!r}, which is not installed; expected it to be; run: pip install 'pytest-cio-load[speed]'")
    wire: Wire = _MAKERS[engine](workspace, timeout=timeout, connections=connections)
    return wire


class AiohttpWire:
    """Requests over aiohttp. Its session belongs to a loop, so it is made in the first call."""

    def __init__(self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
        self._workspace, self._timeout, self._connections = workspace, timeout, connections
        self._headers = {"authorization": workspace.authorization, "accept": "application/json", "user-agent": "pytest-cio-load"}
        self._json_headers = {**self._headers, "content-type": "application/json"}
        self._proxy = proxy_for(workspace.base_url)
        self._session: Any = None

    def _open(self) -> Any:
        import aiohttp
        from yarl import URL

        self._failures = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
        self._url, self._base = URL, self._workspace.base_url
        # A step of the loop is enough to see whether an answer came: no total, which would count the wait for a connection.
        times = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=self._timeout)
        secure: Any = trust() if self._base.startswith("https") else True
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=secure)
        jar = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(connector=connector, timeout=times, cookie_jar=jar, auto_decompress=True)

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
            raise NoAnswer(_reason(error, self._timeout)) from None

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


class PyreqwestWire:
    """Requests over pyreqwest (reqwest, in Rust)."""

    def __init__(self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
        from pathlib import Path

        from pyreqwest.client import ClientBuilder
        from pyreqwest.exceptions import PyreqwestError

        self._failures: type[Exception] = PyreqwestError
        self._timeout, self._base = timeout, workspace.base_url
        limit = timedelta(seconds=timeout)
        builder = ClientBuilder().http1_only().follow_redirects(False).error_for_status(False).connect_timeout(limit).read_timeout(limit)
        builder = builder.gzip(True).max_connections(connections).pool_max_idle_per_host(connections).user_agent("pytest-cio-load")
        builder = builder.default_headers({"authorization": workspace.authorization, "accept": "application/json"})
        if proxy_for(workspace.base_url) is None:
            builder = builder.no_proxy()
        trusted = ca_file()
        if trusted is not None and workspace.base_url.startswith("https"):
            builder = builder.add_root_certificate_pem(Path(trusted).read_bytes())
        self._client = builder.build()

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""
        asked = self._client.request(request.method, self._base + request.path)
        if request.body is not None:
            asked = asked.header("content-type", "application/json").body_bytes(request.body)
        try:
            response = await asked.build().send()
            body = bytes(await response.bytes())
        except self._failures as error:
            raise NoAnswer(_reason(error, self._timeout)) from None
        return Answer(response.status, _lowered(response.headers), body)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()


_MAKERS: dict[str, Any] = {"httpx": HttpxWire, "aiohttp": AiohttpWire, "pyreqwest": PyreqwestWire}


def _lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: BaseException, timeout: float) -> str:
    """A failure in our own words, the same for every engine; an engine's own text may hold the URL, and with it an identifier."""
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < 8:
        chain.append(f"{type(seen).__name__} {seen}".lower())
        seen = seen.__cause__ or seen.__context__
    details = getattr(error, "details", None)
    told = " ".join([*chain, str(details).lower() if details else ""])
    if "timeout" in told or "timed out" in told or "deadline" in told:
        return f"no {'connection' if 'connecttimeout' in told or 'connection timeout' in told else 'answer'} within {timeout:g} s"
    for signs, reason in _SIGNS:
        if any(sign in told for sign in signs):
            return reason
    return type(error).__name__


_SIGNS = (
    (("certificate", "ssl", "tls", "handshake"), _TLS),
    (("refused", "errno 111", "connect call failed", "os error 111"), _REFUSED),
    (("badstatusline", "invalid http version", "invalid http", "parse", "badhttp", "bad http", "expected http"), _GARBAGE),
    (("reset", "disconnect", "closed before", "incomplete", "payload", "broken pipe", "eof", "connectionclosed", "sendrequest"), _RESET),
)

