"""Times the calls of a client that is not ours: httpx, httpx2 or requests, async or blocking."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_cio_load.customerio.exchange import CallRecord

if TYPE_CHECKING:
    from collections.abc import Callable

ClientT = TypeVar("ClientT")

_MARK = "_cio_load_instrumented"


def instrument(
    client: ClientT,
    *,
    on_call: Callable[[CallRecord], None],
    now: Callable[[], float],
    name: Callable[[str, str, str], str],
) -> ClientT:
    """Have every request of *client* recorded as a call; the client itself is changed, once, and given back.

    Args:
        client: an ``httpx.Client``, ``httpx.AsyncClient``, their httpx2 twins, or a ``requests.Session``: anything whose ``send`` takes a
            request that has a method and a url.
        on_call: is given a record of every request, in the context of whoever makes it.
        now: seconds on the run's clock.
        name: the operation for a method, a path and a host.

    Raises:
        TypeError: it has no such ``send``.
    """
    send = getattr(client, "send", None)
    if not callable(send):
        msg = f"instrument: got {type(client).__name__}, expected an httpx, httpx2 or requests client; pass the client or session itself"
        raise TypeError(msg)
    if getattr(client, _MARK, False):
        return client

    def record(request: Any, began: float) -> None:
        host, path = _address(str(request.url))
        on_call(CallRecord(name(str(request.method), path, host), began, now(), 0.0, 1, None))

    @functools.wraps(send)
    async def send_async(request: Any, *arguments: Any, **keywords: Any) -> Any:
        began = now()
        try:
            return await send(request, *arguments, **keywords)
        finally:
            record(request, began)

    @functools.wraps(send)
    def send_blocking(request: Any, *arguments: Any, **keywords: Any) -> Any:
        began = now()
        try:
            return send(request, *arguments, **keywords)
        finally:
            record(request, began)

    changed: Any = client
    changed.send = send_async if inspect.iscoroutinefunction(send) else send_blocking
    setattr(changed, _MARK, True)
    return client


def _address(url: str) -> tuple[str, str]:
    """Host, and path with its query, as they stand in a URL."""
    host, slash, path = url.partition("//")[2].partition("/")
    return host.rpartition("@")[2].partition(":")[0], slash + path
