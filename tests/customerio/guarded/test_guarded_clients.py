"""What answers in place of the network needs no permit; clients, and wires of one's own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest
import respx

from pytest_cio_load.customerio.client import AppClient, CallRecord, Client, SyncClient
from pytest_cio_load.customerio.engines import make_sync_wire, make_wire
from pytest_cio_load.customerio.pacing import Retry
from pytest_cio_load.customerio.wire import Answer, HttpxSyncWire, HttpxWire, Request
from pytest_cio_load.customerio.workspaces import AppAccess, Workspace
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.fake.doors import async_door
from pytest_cio_load.fake.workspace import FakeWorkspace
from pytest_cio_load.safety.permit import check, grant

PLAIN = "http://track.customer.io"
PERSON = Request("PUT", "/api/v1/customers/somebody", b"{}")
SITE = frozenset({("track.customer.io", "site")})

Sent = Callable[..., list[int]]


def space(url: str | None = PLAIN) -> Workspace:
    return Workspace("site", "secret-key", url=url)


@pytest.mark.parametrize("make", [HttpxWire, HttpxSyncWire])
def test_respx_answers_in_place_of_the_network(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """No socket is opened, so no permit is needed: a user's tests go on working."""
    with respx.mock() as router:
        route = router.put(host="track.customer.io").respond(202)
        assert sent(make, space(None), PERSON) == [202]
    assert route.call_count == 1
    assert passage.connections == 0


@pytest.mark.parametrize("make", [HttpxWire, HttpxSyncWire])
def test_what_respx_passes_through_is_refused(
    monkeypatch: pytest.MonkeyPatch, passage: Any, sent: Sent, make: Callable[..., object]
) -> None:
    """Then it is the network that would answer."""
    here = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", passage.server_port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [here])
    monkeypatch.setenv("no_proxy", "*")
    with respx.mock() as router:
        router.put(host="track.customer.io").pass_through()
        with pytest.raises(GuardRefused, match="got a real host from a test"):
            sent(make, space(None), PERSON)
    assert passage.connections == 0


async def _answered(request: httpx.Request) -> httpx.Response:
    return httpx.Response(202)


def _doubled(access: Workspace) -> object:
    return make_wire(access, transport=httpx.MockTransport(_answered))


def _doubled_sync(access: Workspace) -> object:
    return make_sync_wire(access, transport=httpx.MockTransport(lambda _: httpx.Response(202)))


@pytest.mark.parametrize("make", [_doubled, _doubled_sync])
def test_a_transport_of_ones_own(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """It answers by itself, for coroutines and for threads."""
    assert sent(make, space(None), PERSON) == [202]
    assert passage.connections == 0


class Around(httpx.BaseTransport):
    """A transport that hands on to the real network."""

    def __init__(self) -> None:
        self._real = httpx.HTTPTransport(retries=3)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._real.handle_request(request)

    def close(self) -> None:
        self._real.close()


def _straight(access: Workspace) -> object:
    return make_wire(access, transport=httpx.AsyncHTTPTransport(retries=3))


def _proxied_sync(access: Workspace) -> object:
    return make_sync_wire(access, transport=httpx.HTTPTransport(proxy="http://127.0.0.1:1"))


def _inside_sync(access: Workspace) -> object:
    return make_sync_wire(access, transport=Around())


@pytest.mark.parametrize("make", [_straight, _proxied_sync, _inside_sync])
def test_the_network_as_a_transport_is_refused(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """Given as such, through a proxy, or inside another; nothing is tried again."""
    with pytest.raises(GuardRefused, match="got a real host from a test"):
        sent(make, space(None), PERSON)
    assert passage.connections == 0


def test_a_call_that_is_refused_is_never_tried_again(passage: Any) -> None:
    """Its record says that nothing went out."""
    records: list[CallRecord] = []
    client = SyncClient(space(), HttpxSyncWire(space()), retry=Retry(attempts=5, base=0.0), on_call=records.append)
    with closing(client), pytest.raises(GuardRefused):
        client.identify("somebody")
    assert [(each.operation, each.attempts, str(each.error)) for each in records] == [("identify", 0, "identify: stopped by GuardRefused")]
    assert passage.connections == 0


@pytest.mark.asyncio
async def test_retries_count_towards_the_cap(passage: Any) -> None:
    """A call is as many requests as it takes."""
    records: list[CallRecord] = []
    answers = iter([500, 500, 200])
    wire = HttpxWire(space(), transport=httpx.MockTransport(lambda _: httpx.Response(next(answers))))
    with grant(SITE, most_calls=2) as permit:
        async with Client(space(), _Counting(wire), retry=Retry(attempts=5, base=0.0), on_call=records.append) as client:
            with pytest.raises(GuardRefused, match="got request 3; expected 2 at most"):
                await client.identify("somebody")
    assert [each.attempts for each in records] == [2]
    assert permit.calls == 2
    assert passage.connections == 0


class _Counting:
    """A wire of one's own that asks the guard, as one that opens sockets should."""

    def __init__(self, wire: HttpxWire) -> None:
        self._wire = wire

    async def send(self, request: Request) -> Answer:
        check(PLAIN, "site", request.method, request.path)
        return await self._wire.send(request)

    async def aclose(self) -> None:
        await self._wire.aclose()


class _Double:
    """A wire that opens no socket."""

    async def send(self, request: Request) -> Answer:
        return Answer(200, {}, b"{}")

    async def aclose(self) -> None:
        pass


class _HandingOn(_Double):
    """A wire that has one of ours inside."""

    def __init__(self, wire: HttpxWire) -> None:
        self._wire = wire

    async def send(self, request: Request) -> Answer:
        return await self._wire.send(request)

    async def aclose(self) -> None:
        await self._wire.aclose()


@pytest.mark.asyncio
async def test_a_double_needs_no_permit() -> None:
    """Nor does a door of the fake: neither opens a socket."""
    async with Client(space(None), _Double()) as client:
        await client.identify("somebody")
    fake = FakeWorkspace(site_id="site", api_key="secret-key")
    async with Client(space(None), make_wire(space(None), transport=async_door(fake))) as client:
        await client.identify("somebody")


@pytest.mark.asyncio
async def test_a_wire_around_ours_is_no_way_round(passage: Any) -> None:
    """Whatever the client believes it is for."""
    async with Client(space(passage.url), _HandingOn(HttpxWire(space(None)))) as client:
        with pytest.raises(GuardRefused):
            await client.identify("somebody")
    assert passage.connections == 0


@pytest.mark.asyncio
async def test_the_app_client_asks_with_its_own_key(passage: Any) -> None:
    """The permit of the Track API is none for it."""
    access = AppAccess("app-key", url="http://api.customer.io")
    with grant(SITE):
        async with AppClient(access, HttpxWire(access), retry=Retry(attempts=1)) as client:
            with pytest.raises(GuardRefused):
                await client.workspaces()
        assert passage.connections == 0
    with grant({("api.customer.io", "app-key")}) as permit:
        async with AppClient(access, HttpxWire(access), retry=Retry(attempts=1)) as client:
            await client.workspaces()
    assert (permit.calls, passage.asked) == (1, ["GET http://api.customer.io/v1/workspaces"])
