"""Probes and scrapes over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from pytest_cio_load.pipeline.health.readiness import Readiness
from pytest_cio_load.pipeline.health.server import HealthServer, read_listen


class State:
    """What the server is told."""

    ready = Readiness(True, "working")
    died = ""
    accept = ""

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """A metric."""
        self.accept = accept
        return b"cio_queue_up 1.0\n", "text/plain; version=0.0.4; charset=utf-8"


@pytest.fixture
def state() -> State:
    return State()


@pytest_asyncio.fixture
async def client(state: State) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server on a free port."""
    server = HealthServer(state.metrics, lambda: state.ready, lambda: state.died)
    await server.start(port=0)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        yield client
    await server.aclose()


@pytest.mark.asyncio
async def test_metrics(client: httpx.AsyncClient, state: State) -> None:
    """In the form that was asked for."""
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert (answer.status_code, answer.text, state.accept) == (200, "cio_queue_up 1.0\n", "application/openmetrics-text")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.asyncio
@pytest.mark.parametrize(("died", "status", "text"), [("", 200, "ok\n"), ("its worker died", 503, "its worker died\n")])
async def test_healthz(client: httpx.AsyncClient, state: State, died: str, status: int, text: str) -> None:
    """Whether it is to be started again."""
    state.died = died
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (status, text)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("ready", "status"), [(Readiness(True, "working", paused="so"), 200), (Readiness(False, "draining", "it was asked to stop"), 503)]
)
async def test_readyz(client: httpx.AsyncClient, state: State, ready: Readiness, status: int) -> None:
    """With the reason, as a line of JSON."""
    state.ready = ready
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (status, json.loads(ready.line()))
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
async def test_head(client: httpx.AsyncClient, path: str) -> None:
    """The same without a body."""
    answer = await client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.asyncio
@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("GET", "/metrics/x", 404), ("POST", "/healthz", 405)])
async def test_anything_else(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    """Is not there."""
    assert (await client.request(method, path)).status_code == status


@pytest.mark.asyncio
async def test_an_address_that_is_taken(client: httpx.AsyncClient, state: State) -> None:
    """It is said which, and what to do."""
    server = HealthServer(state.metrics, lambda: state.ready)
    port = client.base_url.port
    assert port is not None
    message = rf"listen: got 127.0.0.1:{port}, which cannot be had \(.+\); expected a free address; try 127.0.0.1:0"
    with pytest.raises(OSError, match=message):
        await server.start(port=port)
    await server.aclose()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":0", ("127.0.0.1", 0)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        (" [::1]:9464 ", ("::1", 9464)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_where_to_listen(text: str, address: tuple[str, int]) -> None:
    """On loopback unless a host is named."""
    assert read_listen(text) == address


@pytest.mark.parametrize("text", ["", "localhost", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::x"])
def test_nowhere_to_listen(text: str) -> None:
    """The nearest fix is said."""
    with pytest.raises(ValueError, match=r"listen: got '.*'; expected HOST:PORT or PORT; try 127.0.0.1:9464"):
        read_listen(text)
