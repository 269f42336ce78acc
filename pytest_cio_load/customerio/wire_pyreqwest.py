"""Requests over pyreqwest: reqwest, in Rust."""

from __future__ import annotations

import asyncio
import atexit
import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.http1 import AnyCase
from pytest_cio_load.customerio.wire import Answer, HttpxSyncWire, HttpxWire, NoAnswer, Request
from pytest_cio_load.customerio.wire_reasons import reason
from pytest_cio_load.customerio.wire_setup import CONNECTIONS, TIMEOUT, ca_file, check_timeout, headers_for, open_gate, proxy_for, trust_for

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Access

_SHORTER = 0.01
_DOTS = "%2E"


class _Pyreqwest:
    """What both wires over pyreqwest (reqwest, in Rust) share."""

    def __init__(self, workspace: Access, timeout: float, http2: bool) -> None:
        from pyreqwest.exceptions import PyreqwestError

        check_timeout(timeout)
        self._http2 = http2
        self._failures: type[Exception] = PyreqwestError
        self._workspace, self._timeout, self._base = workspace, timeout, workspace.base_url
        self._gate = open_gate(workspace)

    def _built(self, builder: Any, connections: int) -> Any:
        limit = timedelta(seconds=self._timeout)
        # Told apart only by which ends first: the time to wait for an answer includes the time to connect.
        to_connect = limit - min(timedelta(seconds=_SHORTER), limit / 10)
        builder = builder.http2(self._http2).follow_redirects(False).error_for_status(False).connect_timeout(to_connect).read_timeout(limit)
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
        if self._gate is not None:
            self._gate.check(request.method, request.path)
        asked = client.request(request.method, self._base + request.path)
        if request.body is not None:
            asked = asked.header("content-type", "application/json").body_bytes(request.body)
        return asked.build()


@cache
def _end_in_order() -> None:
    """Give pyreqwest's threads a moment at the end of the process: one that is still at work then brings it down (0.15)."""
    atexit.register(time.sleep, 0.01)


class PyreqwestWire(_Pyreqwest):
    """Requests over pyreqwest from a coroutine. Arguments as of `HttpxWire`; it has nothing to tell an observer.

    A call that is cancelled ends at once, but pyreqwest keeps its request and its connection until the server answers or the time is out.
    """

    def __init__(self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS, http2: bool = False) -> None:
        from pyreqwest.client import ClientBuilder

        super().__init__(workspace, timeout, http2)
        _end_in_order()
        self._client = self._built(ClientBuilder(), connections)
        self._for_dots: HttpxWire | None = None

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""
        if _DOTS in request.path:
            return await self._literal().send(request)
        task = asyncio.current_task()
        cancelled = task.cancelling() if task is not None else 0
        try:
            response = await self._request(self._client, request).send()
            body = bytes(await response.bytes())
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        if task is not None and task.cancelling() > cancelled:
            # It had its answer in that very moment, and gives that instead: whoever waits for the task to end would wait on.
            raise asyncio.CancelledError
        return Answer(response.status, AnyCase(response.headers), body)

    def _literal(self) -> HttpxWire:
        """For a person called "." or "..": reqwest takes such a part of a path for a step up, even when it is encoded."""
        if self._for_dots is None:
            self._for_dots = HttpxWire(self._workspace, timeout=self._timeout)
            self._for_dots._gate = self._gate  # made late, it belongs to the permit of this one
        return self._for_dots

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()
        if self._for_dots is not None:
            await self._for_dots.aclose()


class PyreqwestSyncWire(_Pyreqwest):
    """Requests over pyreqwest from a thread; may be shared by many. Arguments as of `PyreqwestWire`."""

    def __init__(self, workspace: Access, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS, http2: bool = False) -> None:
        from pyreqwest.client import SyncClientBuilder

        super().__init__(workspace, timeout, http2)
        self._client = self._built(SyncClientBuilder(), connections)
        self._for_dots = HttpxSyncWire(workspace, timeout=timeout)

    def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails, and GuardRefused when a test may not reach the server."""
        if _DOTS in request.path:
            return self._for_dots.send(request)
        try:
            response = self._request(self._client, request).send()
            body = bytes(response.bytes())
        except self._failures as error:
            raise NoAnswer(reason(error, self._timeout)) from None
        return Answer(response.status, AnyCase(response.headers), body)

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
        self._for_dots.close()
