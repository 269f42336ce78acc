"""The transport door: the fake in place of the network of an httpx or httpx2 client, whatever host a request names.

It waits as long as the workspace takes, or as long as the request's own read time-out allows, whichever is shorter.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx

from pytest_cio_load.fake.answering import ask, response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_cio_load.fake.answering import Answering


def async_transport(
    fake: Answering,
    library: Any = httpx,
    now: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Any:
    """A transport for async clients of *library*, httpx or httpx2; *now* is the running loop's time by default."""

    async def effect(request: Any) -> Any:
        reply, patience = ask(fake, request, now() if now else asyncio.get_running_loop().time())
        if reply.delay:
            await sleep(min(reply.delay, patience))
        return response(reply, patience, request, library)

    return library.MockTransport(effect)


def sync_transport(
    fake: Answering,
    library: Any = httpx,
    now: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> Any:
    """A transport for blocking clients of *library*."""

    def effect(request: Any) -> Any:
        reply, patience = ask(fake, request, now())
        if reply.delay:
            sleep(min(reply.delay, patience))
        return response(reply, patience, request, library)

    return library.MockTransport(effect)
