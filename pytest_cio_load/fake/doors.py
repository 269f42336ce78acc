"""Doors to the fake without a socket: respx routers behind httpx transports, with nothing patched.

Both doors wait as long as the workspace takes, or as long as the request's own read time-out allows, whichever is shorter.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import respx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pytest_cio_load.fake.workspace import Reply

TRACK_HOST = "track.customer.io"
_AT_MOST = 86_400.0
"""Seconds that a client without a read time-out is kept waiting by a server that never answers: a day; nothing can sleep for ever."""


class Answering(Protocol):
    """The model behind a door: a workspace, or an account of several."""

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        """Take one request."""


class QuietRouter(respx.Router):
    """A respx router that keeps no call history, which would cost 3.4 kB a call; the workspace counts what arrives."""

    def record(self, request: httpx.Request, *, response: httpx.Response | None = None, route: respx.Route | None = None) -> None:
        """Keep nothing."""


def respx_router(effect: Callable[[httpx.Request], Any], host: str = TRACK_HOST) -> QuietRouter:
    """A router with one route: everything for *host* goes to *effect*, a function or a coroutine function."""
    router = QuietRouter(assert_all_called=False)
    router.route(host=host).mock(side_effect=effect)
    return router


def async_door(
    fake: Answering,
    *,
    host: str = TRACK_HOST,
    now: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> httpx.MockTransport:
    """A transport for async clients. *now* is the running loop's time by default."""

    async def effect(request: httpx.Request) -> httpx.Response:
        reply = _ask(fake, request, now() if now else asyncio.get_running_loop().time())
        patience = _patience(request)
        if reply.delay:
            await sleep(min(reply.delay, patience))
        return _response(reply, patience, request)

    return httpx.MockTransport(respx_router(effect, host).async_handler)


def sync_door(
    fake: Answering,
    *,
    host: str = TRACK_HOST,
    now: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> httpx.MockTransport:
    """A transport for blocking clients."""

    def effect(request: httpx.Request) -> httpx.Response:
        reply = _ask(fake, request, now())
        patience = _patience(request)
        if reply.delay:
            sleep(min(reply.delay, patience))
        return _response(reply, patience, request)

    return httpx.MockTransport(respx_router(effect, host).handler)


def _ask(fake: Answering, request: httpx.Request, now: float) -> Reply:
    return fake.answer(request.method, request.url.raw_path.decode("ascii"), request.headers, request.content, now)


def _patience(request: httpx.Request) -> float:
    read = request.extensions.get("timeout", {}).get("read")
    return _AT_MOST if read is None else min(float(read), _AT_MOST)


def _response(reply: Reply, patience: float, request: httpx.Request) -> httpx.Response:
    if reply.delay > patience or reply.action == "never":
        raise httpx.ReadTimeout("", request=request)
    if reply.action == "reset":
        raise httpx.ReadError("connection reset by the fake", request=request)
    return httpx.Response(reply.status, headers=reply.headers, content=reply.body)
