"""Which engine carries requests, and what cannot be chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from pytest_cio_load.customerio.engines import ENGINES, AiohttpWire, PyreqwestSyncWire, PyreqwestWire, make_sync_wire, make_wire
from pytest_cio_load.customerio.wire import HttpxSyncWire, HttpxWire
from pytest_cio_load.customerio.workspaces import Workspace

ANYWHERE = Workspace("site", "secret-key", url="http://127.0.0.1:1")


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr("pytest_cio_load.customerio.engines.find_spec", lambda name: find_spec(name) if name in names else None)


@pytest.mark.parametrize(
    ("there", "wire", "sync_wire"),
    [
        (("pyreqwest", "aiohttp", "httpx"), PyreqwestWire, PyreqwestSyncWire),
        (("aiohttp", "httpx"), AiohttpWire, HttpxSyncWire),
        (("httpx",), HttpxWire, HttpxSyncWire),
    ],
)
@pytest.mark.parametrize("engine", ["auto", None])
def test_auto_is_the_fastest_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], wire: type, sync_wire: type, engine: str | None
) -> None:
    """For coroutines and for threads."""
    installed(monkeypatch, *there)
    made, made_sync = make_wire(ANYWHERE, engine), make_sync_wire(ANYWHERE, engine)
    assert (type(made), type(made_sync)) == (wire, sync_wire)


def test_aiohttp_has_nothing_for_threads() -> None:
    """httpx stands in."""
    assert type(make_sync_wire(ANYWHERE, "aiohttp")) is HttpxSyncWire


@pytest.mark.parametrize("make", [make_wire, make_sync_wire])
@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("htpx", "wire: got 'htpx'; expected one of auto, pyreqwest, aiohttp, httpx; did you mean httpx?"),
        (
            "carrier pigeon",
            "wire: got 'carrier pigeon'; expected one of auto, pyreqwest, aiohttp, httpx; leave it out for the fastest that is",
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


@pytest.mark.parametrize("wire", [AiohttpWire, PyreqwestWire, PyreqwestSyncWire])
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
