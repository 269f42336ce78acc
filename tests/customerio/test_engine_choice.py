"""Which engine carries requests, and what cannot be chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from pytest_cio_load.customerio.engines import (
    ENGINES,
    AiohttpWire,
    DirectWire,
    PyreqwestSyncWire,
    PyreqwestWire,
    make_sync_wire,
    make_wire,
)
from pytest_cio_load.customerio.wire import HttpxSyncWire, HttpxWire
from pytest_cio_load.customerio.workspaces import Workspace

ANYWHERE = Workspace("site", "secret-key", url="http://127.0.0.1:1")


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr("pytest_cio_load.customerio.engines.find_spec", lambda name: find_spec(name) if name in names else None)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")


ELSEWHERE = Workspace("site", "secret-key", url="http://track.invalid")
ALL = ("pyreqwest", "aiohttp", "httpx", "h2")


@pytest.mark.parametrize(("there", "sync_wire"), [(ALL, PyreqwestSyncWire), (("aiohttp", "httpx"), HttpxSyncWire)])
@pytest.mark.parametrize("engine", ["auto", None, "direct"])
def test_auto_is_the_leanest(monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], sync_wire: type, engine: str | None) -> None:
    """Our own for coroutines, which is always there; for threads the fastest that is installed."""
    installed(monkeypatch, *there)
    made, made_sync = make_wire(ANYWHERE, engine), make_sync_wire(ANYWHERE, engine)
    assert (type(made), type(made_sync)) == (DirectWire, sync_wire)


@pytest.mark.parametrize(("there", "wire"), [(ALL, PyreqwestWire), (("aiohttp", "httpx"), AiohttpWire), (("httpx",), HttpxWire)])
@pytest.mark.parametrize("engine", ["auto", "direct"])
@pytest.mark.usefixtures("proxied")
def test_a_proxy_takes_an_engine_that_knows_proxies(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], wire: type, engine: str
) -> None:
    """Ours does not; an address on this machine has no proxy."""
    installed(monkeypatch, *there)
    assert (type(make_wire(ELSEWHERE, engine)), type(make_wire(ANYWHERE, engine))) == (wire, DirectWire)


@pytest.mark.parametrize(
    ("there", "engine", "wire", "sync_wire"),
    [
        (ALL, "auto", PyreqwestWire, PyreqwestSyncWire),
        (ALL, "httpx", HttpxWire, HttpxSyncWire),
        (("httpx", "h2"), "auto", HttpxWire, HttpxSyncWire),
    ],
)
def test_who_speaks_http2(monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], engine: str, wire: type, sync_wire: type) -> None:
    """The leanest of those that do."""
    pytest.importorskip("h2")
    installed(monkeypatch, *there)
    made, made_sync = make_wire(ANYWHERE, engine, http2=True), make_sync_wire(ANYWHERE, engine, http2=True)
    assert (type(made), type(made_sync)) == (wire, sync_wire)


@pytest.mark.parametrize("make", [make_wire, make_sync_wire])
@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("aiohttp", "wire: got 'aiohttp' for HTTP/2, which it does not speak; expected one of pyreqwest, httpx; try auto"),
        ("direct", "wire: got 'direct' for HTTP/2, which it does not speak; expected one of pyreqwest, httpx; try auto"),
        ("httpx", "http2: got nothing installed that speaks it; expected pyreqwest or h2; run: pip install 'pytest-cio-load[speed]'"),
        ("auto", "http2: got nothing installed that speaks it; expected pyreqwest or h2; run: pip install 'pytest-cio-load[speed]'"),
    ],
)
def test_http2_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, make: Callable[..., object], engine: str, message: str) -> None:
    """Got, expected, nearest."""
    installed(monkeypatch, "aiohttp", "httpx")
    with pytest.raises(ValueError) as caught:
        make(ANYWHERE, engine, http2=True)
    assert str(caught.value) == message


def test_aiohttp_has_nothing_for_threads() -> None:
    """httpx stands in."""
    assert type(make_sync_wire(ANYWHERE, "aiohttp")) is HttpxSyncWire


@pytest.mark.parametrize("make", [make_wire, make_sync_wire])
@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("htpx", "wire: got 'htpx'; expected one of auto, direct, pyreqwest, aiohttp, httpx; did you mean httpx?"),
        (
            "carrier pigeon",
            "wire: got 'carrier pigeon'; expected one of auto, direct, pyreqwest, aiohttp, httpx; leave it out for the leanest that",
        ),
        ("pyreqwest", "wire: got 'pyreqwest', which is not installed; expected it to be; run: pip install 'pytest-cio-load[speed]'"),
    ],
)
def test_an_engine_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, make: Callable[..., object], engine: str, message: str) -> None:
    """Got, expected, nearest."""
    installed(monkeypatch, "aiohttp", "httpx")
    with pytest.raises(ValueError) as caught:
        make(ANYWHERE, engine)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("wire", [AiohttpWire, DirectWire, PyreqwestWire, PyreqwestSyncWire])
@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_out_that_makes_no_sense(wire: Callable[..., object], timeout: float) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="expected seconds, more than 0; try 10"):
        wire(ANYWHERE, timeout=timeout)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_transport_is_for_httpx(engine: str) -> None:
    """The fake's door goes in place of any engine."""
    import httpx

    assert type(make_wire(ANYWHERE, engine, transport=httpx.MockTransport(lambda _: httpx.Response(200)))) is HttpxWire
    assert type(make_sync_wire(ANYWHERE, engine, transport=httpx.MockTransport(lambda _: httpx.Response(200)))) is HttpxSyncWire
