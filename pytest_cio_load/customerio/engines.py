"""The choice between the ways for requests to travel, all behind the same seam.

httpx 0.28 keeps its connections in a pool whose cost grows with the square of the requests in flight, and would be blamed on Customer.io.
The mock needs no socket and so none of them; it is for servers that the engine matters.

Nothing answers in place of the others' network, so in a test they need the guard's permit for a host of Customer.io already when they are
made.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias

from pytest_cio_load.customerio.wire import HttpxSyncWire, HttpxWire, Observe, Phase, SyncWire, Wire
from pytest_cio_load.customerio.wire_aiohttp import AiohttpWire
from pytest_cio_load.customerio.wire_direct import DirectWire
from pytest_cio_load.customerio.wire_pyreqwest import PyreqwestSyncWire, PyreqwestWire
from pytest_cio_load.customerio.wire_setup import CONNECTIONS, TIMEOUT, proxy_for
from pytest_cio_load.errors import near_miss

if TYPE_CHECKING:
    import httpx

    from pytest_cio_load.customerio.workspaces import Access

__all__ = ["ENGINES", "AiohttpWire", "DirectWire", "PyreqwestSyncWire", "PyreqwestWire", "make_sync_wire", "make_wire", "told_by"]

ENGINES = ("auto", "direct", "pyreqwest", "aiohttp", "httpx")
"""What ``--cio-wire`` takes. ``auto`` is the first of the others that can be had and fits: the leanest. ``direct`` is our own."""

_HTTP2 = ("pyreqwest", "httpx")

AnyWire: TypeAlias = DirectWire | PyreqwestWire | AiohttpWire | HttpxWire

_TOLD: dict[type, frozenset[Phase]] = {
    DirectWire: frozenset({"pool", "connect", "tls"}),
    AiohttpWire: frozenset({"pool", "connect"}),
    HttpxWire: frozenset({"connect", "tls"}),
    HttpxSyncWire: frozenset({"connect", "tls"}),
}


def make_wire(
    workspace: Access,
    engine: str | None = "auto",
    *,
    timeout: float = TIMEOUT,
    connections: int = CONNECTIONS,
    transport: httpx.AsyncBaseTransport | None = None,
    observe: Observe | None = None,
    http2: bool = False,
) -> Wire:
    """A wire to the server of *workspace*, for coroutines.

    Args:
        workspace: says where to and with which credentials.
        engine: one of `ENGINES`; None for ``auto``. ``direct`` knows no proxies: where the environment names one, it is the next that does.
        timeout: seconds to connect, and to wait for each part of an answer.
        connections: at most so many.
        transport: goes in place of the network: the fake's door, which only httpx can use.
        observe: is told what connections cost, by engines that know; see `Observe`.
        http2: speak HTTP/2 with a server that offers it in its handshake; pyreqwest can, and httpx with the package h2.

    Raises:
        ValueError: an engine that does not exist, is not installed or speaks no HTTP/2, a time-out that is none, or a file of certificates
            that is none.
        GuardRefused: a test may not reach the server. With httpx it is the first request that raises it, see `HttpxWire`.
    """
    _check(engine, http2)
    if transport is not None:
        return HttpxWire(workspace, timeout=timeout, connections=connections, transport=transport, observe=observe)
    name = _choose(engine, http2, has_proxy=proxy_for(workspace.base_url) is not None)
    if name == "direct":
        return DirectWire(workspace, timeout=timeout, connections=connections, observe=observe)
    if name == "pyreqwest":
        return PyreqwestWire(workspace, timeout=timeout, connections=connections, http2=http2)
    if name == "aiohttp":
        return AiohttpWire(workspace, timeout=timeout, connections=connections, observe=observe)
    return HttpxWire(workspace, timeout=timeout, connections=connections, observe=observe, http2=http2)


def make_sync_wire(
    workspace: Access,
    engine: str | None = "auto",
    *,
    timeout: float = TIMEOUT,
    connections: int = CONNECTIONS,
    transport: httpx.BaseTransport | None = None,
    observe: Observe | None = None,
    http2: bool = False,
) -> SyncWire:
    """A wire to the server of *workspace*, for threads.

    Arguments as of `make_wire`; ``direct`` and aiohttp have nothing for threads: for the one it is as with ``auto``, for the other httpx
    stands in.
    """
    _check(engine, http2)
    fast = engine == "pyreqwest" or (engine in (None, "auto", "direct") and find_spec("pyreqwest") is not None)
    if transport is None and fast:
        return PyreqwestSyncWire(workspace, timeout=timeout, connections=connections, http2=http2)
    offers = http2 and transport is None
    return HttpxSyncWire(workspace, timeout=timeout, connections=connections, transport=transport, observe=observe, http2=offers)


def told_by(wire: Wire | SyncWire, base_url: str) -> frozenset[Phase]:
    """What *wire* tells its observer of, on the way to *base_url*: a request that it tells nothing of did not wait for that."""
    told = _TOLD.get(type(wire), frozenset())
    return told if base_url.startswith("https:") else told - {"tls"}


def _choose(engine: str | None, http2: bool, has_proxy: bool) -> str:
    """Which engine it is to be."""
    wanted = ENGINES[1:] if engine in (None, "auto", "direct") else (engine,)
    fits = [name for name in wanted if name is not None and (name in _HTTP2 or not http2) and (name != "direct" or not has_proxy)]
    return next(name for name in fits if _is_there(name))


def _is_there(name: str) -> bool:
    return name == "direct" or find_spec(name) is not None


def _check(engine: str | None, http2: bool) -> None:
    if engine is not None and engine not in ENGINES:
        hint = near_miss(engine, ENGINES) or "leave it out for the leanest that is installed"
        raise ValueError(f"wire: got {engine!r}; expected one of {', '.join(ENGINES)}; {hint}")
    chosen = None if engine == "auto" else engine
    if chosen is not None and not _is_there(chosen):
        raise ValueError(f"wire: got {engine!r}, which is not installed; expected it to be; run: pip install 'pytest-cio-load[speed]'")
    if not http2:
        return
    if chosen is not None and chosen not in _HTTP2:
        raise ValueError(f"wire: got {engine!r} for HTTP/2, which it does not speak; expected one of {', '.join(_HTTP2)}; try auto")
    if find_spec("h2") is None and (chosen == "httpx" or find_spec("pyreqwest") is None):
        raise ValueError("http2: got nothing installed that speaks it; expected pyreqwest or h2; run: pip install 'pytest-cio-load[speed]'")
