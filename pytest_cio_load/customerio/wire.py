"""The seam between what is said and how it travels: a request goes in, an answer comes out.

A wire knows the server, the credentials and the connections. It knows no operations, keeps no pace and never repeats a request.
httpx is imported when a wire is made, not before.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pytest_cio_load.customerio.wire_reasons import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from pytest_cio_load.customerio.workspaces import Access

TIMEOUT = 10.0
"""Seconds to connect, and to wait for each part of an answer."""

CONNECTIONS = 1_000
"""Connections at most; a request beyond them waits for one without a time limit."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Request:
    """What goes out. Path and body hold a person's data and are not shown."""

    method: str
    path: str = field(repr=False)
    body: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back.

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
    """Sends requests from a coroutine."""

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""

    async def aclose(self) -> None:
        """Close every connection."""


class SyncWire(Protocol):
    """Sends requests from a thread."""

    def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""

    def close(self) -> None:
        """Close every connection."""


class _Httpx:
    """What both httpx wires share: how a request is built.

    Requests go straight to httpx's transport. Its client class would double the CPU time of a call, follow what we do not want followed,
    and log every URL, and with it every identifier, at INFO.
    """

    def __init__(self, workspace: Access, timeout: float) -> None:
        import httpx

        check_timeout(timeout)
        self._new_request = httpx.Request
        self._failures: type[Exception] = httpx.RequestError
        self._base_url = workspace.base_url
        self._timeout = timeout
        self._extensions = {"timeout": {"connect": timeout, "read": timeout, "write": timeout, "pool": None}}
        host = {"host": urlsplit(workspace.base_url).netloc}
        self._headers, self._json_headers = (httpx.Headers({**host, **headers}) for headers in headers_for(workspace))

    def _build(self, request: Request) -> httpx.Request:
        headers = self._headers if request.body is None else self._json_headers
        url = self._base_url + request.path
        return self._new_request(request.method, url, headers=headers, content=request.body, extensions=self._extensions)


class HttpxWire(_Httpx):
    """Requests over httpx from a coroutine.

    Args:
        workspace: says where to and with which credentials.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many; all of them are kept open.
        transport: goes in place of the network: the fake's door.
    """

    def __init__(
        self,
        workspace: Access,
        *,
        timeout: float = TIMEOUT,
        connections: int = CONNECTIONS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        import httpx

        super().__init__(workspace, timeout)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        secure = trust_for(workspace.base_url) if transport is None else False
        self._transport = transport or httpx.AsyncHTTPTransport(verify=secure, limits=limits, proxy=proxy_for(workspace.base_url))

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""
        try:
            response = await self._transport.handle_async_request(self._build(request))
            try:
                body = await response.aread()
            finally:
                await response.aclose()
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
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
    ) -> None:
        import httpx

        super().__init__(workspace, timeout)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        secure = trust_for(workspace.base_url) if transport is None else False
        self._transport = transport or httpx.HTTPTransport(verify=secure, limits=limits, proxy=proxy_for(workspace.base_url))

    def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""
        try:
            response = self._transport.handle_request(self._build(request))
            try:
                body = response.read()
            finally:
                response.close()
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        return Answer(response.status_code, response.headers, body)

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()


def check_timeout(timeout: float) -> None:
    """Raise ValueError unless *timeout* is a number of seconds."""
    if not timeout > 0:
        raise ValueError(f"timeout: got {timeout}; expected seconds, more than 0; try {TIMEOUT:g}")


def headers_for(workspace: Access) -> tuple[dict[str, str], dict[str, str]]:
    """The headers of a request without a body, and of one with."""
    headers = {"authorization": workspace.authorization, "accept": "application/json", "user-agent": "pytest-cio-load"}
    return headers, {**headers, "content-type": "application/json"}


def ca_file() -> str | None:
    """The file of certificates to trust that the environment names, or None for the machine's own."""
    return os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or None


def trust() -> ssl.SSLContext:
    """Whom to trust: what `ca_file` says. Raises ValueError when that is no file of certificates."""
    trusted = ca_file()
    try:
        return ssl.create_default_context(cafile=trusted)
    except OSError as error:
        if trusted is None:
            raise
        why = os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else "no certificate in it"
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "REQUESTS_CA_BUNDLE"
        expected = "expected a file of certificates in PEM; mend it, or unset it to trust whom this machine trusts"
        raise ValueError(f"{name}: got {trusted!r} ({why}); {expected}") from None


def trust_for(url: str) -> ssl.SSLContext | Literal[False]:
    """As `trust`, or False for a *url* without TLS, for which no file of certificates need be there."""
    return trust() if url.startswith("https") else False


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for *url*, or None. A loopback address never goes through one."""
    parts = urlsplit(url)
    if parts.hostname in _LOOPBACK or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
