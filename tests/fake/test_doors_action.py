"""What every door does with a reply: answer it, late or at once; reset; or never do anything. Each in the words of its own world."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from ssl import create_default_context
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from pytest_cio_load.fake.asgi import asgi_app
from pytest_cio_load.fake.doors import async_door, sync_door
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.fake.server import serve, url_of
from pytest_cio_load.fake.tls import made_up
from pytest_cio_load.fake.transport import async_transport, sync_transport
from pytest_cio_load.fake.workspace import FakeWorkspace

BASIC = "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()
TRACK = "https://track.customer.io"
PERSON = "/api/v1/customers/u1"
HALF_REFUSED = (
    b'{"batch":[{"type":"person","action":"identify","identifiers":{"id":"u2"},"attributes":{}},{"type":"person","action":"nonsense"}]}'
)
REQUESTS: list[tuple[str, str, bytes, str, int]] = [
    ("PUT", PERSON, b'{"email":"a@example.com"}', BASIC, 200),
    ("POST", PERSON + "/events", b'{"name":"bought"}', BASIC, 200),
    ("DELETE", PERSON, b"", BASIC, 200),
    ("PUT", PERSON, b"{", BASIC, 400),
    ("PUT", PERSON, b"\xff\xfe", BASIC, 400),
    ("PUT", PERSON, b"[]", BASIC, 400),
    ("PUT", PERSON, b'{"a":NaN}', BASIC, 400),
    ("POST", PERSON + "/events", b"", BASIC, 400),
    ("PUT", PERSON, b"{}", "Basic d3Jvbmc6a2V5", 401),
    ("PUT", PERSON, b"{}", "", 401),
    ("GET", "/nowhere", b"", BASIC, 404),
    ("POST", "/api/v2/batch", HALF_REFUSED, BASIC, 207),
    ("POST", "/api/v2/batch", b'{"batch":', BASIC, 400),
    ("POST", "/api/v1/forms/f1/submit", b'{"data":{"email":"f@example.com"}}', BASIC, 204),
]
Shown = tuple[int, list[tuple[str, str]], bytes]


def shown(response: httpx.Response) -> Shown:
    return response.status_code, sorted(response.headers.items()), response.content


def told_by(client: httpx.Client) -> list[Shown]:
    return [
        shown(client.request(method, path, content=body or None, headers={"authorization": credentials}))
        for method, path, body, credentials, _ in REQUESTS
    ]


@pytest.fixture(scope="module")
def served() -> Iterator[ServedFake]:
    """In a process of its own."""
    with ServedFake([{"latency": 0}]) as fake:
        yield fake


@pytest.fixture(scope="module")
def expected() -> list[Shown]:
    """What the model says, by the plainest door."""
    with httpx.Client(transport=sync_transport(FakeWorkspace(latency=0)), base_url=TRACK) as client:
        return told_by(client)


def test_the_requests_are_of_every_kind(expected: list[Shown]) -> None:
    """Or the doors would be compared by too little."""
    assert [status for status, _, _ in expected] == [status for *_, status in REQUESTS]


@pytest.mark.parametrize("secure", [False, True], ids=["HTTP", "HTTPS"])
def test_the_process_gives_the_same_answers(served: ServedFake, expected: list[Shown], secure: bool) -> None:
    """As the model in this process: status, every header, every byte."""
    served.reset()
    url, ca_file = served.serve_https() if secure else (served.url, None)
    with httpx.Client(base_url=url, verify=create_default_context(cafile=ca_file), trust_env=False) as client:
        assert told_by(client) == expected
    assert served.requests == len(REQUESTS)


Door = Callable[[FakeWorkspace], AbstractAsyncContextManager[httpx.AsyncClient]]


def in_process(transport: Callable[[FakeWorkspace], Any]) -> Door:
    @asynccontextmanager
    async def door(fake: FakeWorkspace) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(transport=transport(fake), base_url=TRACK) as client:
            yield client

    return door


def on_loopback(secure: bool) -> Door:
    @asynccontextmanager
    async def door(fake: FakeWorkspace) -> AsyncIterator[httpx.AsyncClient]:
        with TemporaryDirectory() as folder:
            ca_file = f"{folder}/ca.pem" if secure else None
            server = await serve(fake, secure=made_up(ca_file) if ca_file else None)
            trusted = create_default_context(cafile=ca_file)
        try:
            async with httpx.AsyncClient(base_url=url_of(server, secure=secure), verify=trusted, trust_env=False) as client:
                yield client
        finally:
            server.close()

    return door


doors = pytest.mark.parametrize(
    "door",
    [
        pytest.param(in_process(async_door), id="respx"),
        pytest.param(in_process(async_transport), id="httpx"),
        pytest.param(in_process(lambda fake: httpx.ASGITransport(asgi_app(fake))), id="ASGI"),
        pytest.param(on_loopback(False), id="loopback HTTP"),
        pytest.param(on_loopback(True), id="loopback HTTPS"),
    ],
)


def make_fake() -> FakeWorkspace:
    return FakeWorkspace(latency=0)


def put(door: Door, fake: FakeWorkspace, times: int = 1) -> list[int | type[Exception]]:
    """The status of each answer, or how it failed."""

    async def one(client: httpx.AsyncClient) -> int | type[Exception]:
        try:
            return (await client.put(PERSON, content=b"{}", headers={"authorization": BASIC})).status_code
        except (httpx.HTTPError, OSError) as error:
            return type(error)

    async def main() -> list[int | type[Exception]]:
        async with door(fake) as client:
            return [await one(client) for _ in range(times)]

    return asyncio.run(main())


@doors
@pytest.mark.parametrize("applied", [False, True])
def test_a_reset(door: Door, applied: bool) -> None:
    """A failure of the network to the client, before the request is applied or after; the next one is answered."""
    fake = make_fake()
    fake.at(0).reset_connections(applied=applied)
    (failed,) = put(door, fake)
    assert failed in (httpx.ReadError, httpx.RemoteProtocolError, ConnectionResetError)
    assert list(fake.people) == (["u1"] if applied else [])
    fake.end()
    assert put(door, fake, 2) == [200, 200]


@doors
def test_an_answer_that_never_comes(door: Door) -> None:
    """The client waits until it has had enough; the request was not applied, and others are answered."""
    fake = make_fake()
    fake.at(0).times_out()

    async def main() -> None:
        async with door(fake) as client:
            waiting = asyncio.create_task(client.put(PERSON, content=b"{}", headers={"authorization": BASIC}, timeout=None))
            while not fake.requests:
                await asyncio.sleep(0)
            fake.end()
            assert (await client.get("/auth", headers={"authorization": BASIC})).status_code == 200
            assert not waiting.done()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(main())
    assert fake.people == {}


@doors
def test_a_fault_that_is_an_answer(door: Door) -> None:
    """Comes through with its header."""
    fake = make_fake()
    fake.at(0).fail(503, retry_after=7)

    async def main() -> httpx.Response:
        async with door(fake) as client:
            return await client.put(PERSON, content=b"{}", headers={"authorization": BASIC})

    response = asyncio.run(main())
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")


@doors
def test_late_answers_wait_side_by_side(door: Door) -> None:
    """Nobody waits for the answers of others."""
    fake = FakeWorkspace(latency="identify=1h,*=0ms")

    async def main() -> None:
        async with door(fake) as client, asyncio.TaskGroup() as together:
            headers = {"authorization": BASIC}
            late = [together.create_task(client.put(PERSON, content=b"{}", headers=headers, timeout=None)) for _ in range(5)]
            while fake.requests < 5:
                await asyncio.sleep(0)
            assert (await client.get("/auth", headers=headers)).status_code == 200
            assert not any(each.done() for each in late)
            for each in late:
                each.cancel()

    asyncio.run(main())
    assert fake.applied("identify") == 5


@contextmanager
def blocking(fake: FakeWorkspace, waits: list[float]) -> Iterator[httpx.Client]:
    with httpx.Client(transport=sync_door(fake, now=lambda: 0.0, sleep=waits.append), base_url=TRACK) as client:
        yield client


@pytest.mark.parametrize(
    ("arrange", "failure", "waits"),
    [
        (lambda fake: fake.at(0).reset_connections(), httpx.ReadError, []),
        (lambda fake: fake.at(0).times_out(), httpx.ReadTimeout, [3.0]),
        (lambda fake: fake.at(0).freeze("2s"), None, [2.04]),
        (lambda fake: fake.at(0).freeze("1h"), httpx.ReadTimeout, [3.0]),
        (lambda fake: None, None, [0.04]),
    ],
)
def test_the_blocking_door(arrange: Callable[[FakeWorkspace], object], failure: type[Exception] | None, waits: list[float]) -> None:
    """Waits as long as the workspace takes or the client has patience, and fails as a network would."""
    fake, waited = FakeWorkspace(latency="40ms"), list[float]()
    arrange(fake)
    with blocking(fake, waited) as client:
        if failure is None:
            assert client.put(PERSON, content=b"{}", headers={"authorization": BASIC}, timeout=3).status_code == 200
        else:
            with pytest.raises(failure):
                client.put(PERSON, content=b"{}", headers={"authorization": BASIC}, timeout=3)
    assert waited == waits
