"""Doors to the fake without a socket: respx routers behind httpx transports, with nothing patched."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import respx

from pytest_cio_load.fake.answering import Answering
from pytest_cio_load.fake.transport import async_transport, sync_transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["TRACK_HOST", "Answering", "QuietRouter", "async_door", "respx_router", "sync_door"]

TRACK_HOST = "track.customer.io"


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
    """A transport for async clients, with a router that takes *host* alone. *now* is the running loop's time by default."""
    effect = async_transport(fake, now=now, sleep=sleep).handler
    return httpx.MockTransport(respx_router(effect, host).async_handler)


def sync_door(
    fake: Answering,
    *,
    host: str = TRACK_HOST,
    now: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> httpx.MockTransport:
    """A transport for blocking clients, with a router that takes *host* alone."""
    effect = sync_transport(fake, now=now, sleep=sleep).handler
    return httpx.MockTransport(respx_router(effect, host).handler)
