"""Every door leads to the same model: the same requests get the same answers, byte for byte."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest
from fastapi import FastAPI

from pytest_cio_load.fake.answering import Answering
from pytest_cio_load.fake.asgi import asgi_app
from pytest_cio_load.fake.doors import async_door, sync_door
from pytest_cio_load.fake.server import serve, url_of
from pytest_cio_load.fake.transport import async_transport, sync_transport
from pytest_cio_load.fake.workspace import FakeWorkspace

TRACK = "https://track.customer.io"
BASIC = "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()
TOO_LARGE = {"name": "x", "data": {"note": "x" * 40_000}}
REQUESTS: list[tuple[str, str, Any]] = [
    ("PUT", "/api/v1/customers/a%2Fb%40example.com", {"email": "a/b@example.com", "name": "Zoë 雪"}),
    ("PUT", "/api/v1/customers/%2E%2E%2Fx", {"a": None}),
    ("POST", "/api/v1/customers/a%2Fb%40example.com/events", {"name": "bought", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
    ("POST", "/api/v1/customers/a%2Fb%40example.com/events", {"name": "bought", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
    ("POST", "/api/v1/customers/a%2Fb%40example.com/events", TOO_LARGE),
    ("POST", "/api/v1/customers/a%2Fb%40example.com/events", {}),
    ("POST", "/api/v1/segments/7/add_customers?id_type=email", {"ids": ["a/b@example.com"]}),
    ("POST", "/api/v1/forms/f%201/submit", {"data": {"email": "f@example.com"}}),
    ("POST", "/api/v2/batch", {"batch": [{"type": "person", "action": "nonsense"}]}),
    ("POST", "/api/v1/customers/u1/suppress", None),
    ("DELETE", "/api/v1/customers/u1", None),
    ("GET", "/api/v1/accounts/region", None),
    ("GET", "/nowhere", None),
]
Shown = list[tuple[int, list[tuple[str, str]], bytes]]


def headers_of(body: Any, credentials: str) -> dict[str, str]:
    return {"authorization": credentials} | ({} if body is None else {"content-type": "application/json"})


def content_of(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def shown(response: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    return response.status_code, sorted(response.headers.items()), response.content


async def by_async_client(transport: Any, base: str, library: Any = httpx, root: str = "") -> Shown:
    async with library.AsyncClient(transport=transport, base_url=base) as client:
        answers = []
        for credentials in (BASIC, "Basic d3Jvbmc6a2V5"):
            for method, path, body in REQUESTS:
                sent = await client.request(method, root + path, content=content_of(body), headers=headers_of(body, credentials))
                answers.append(shown(sent))
        return answers


def by_client(transport: Any, library: Any = httpx) -> Shown:
    with library.Client(transport=transport, base_url=TRACK) as client:
        return [
            shown(client.request(method, path, content=content_of(body), headers=headers_of(body, credentials)))
            for credentials in (BASIC, "Basic d3Jvbmc6a2V5")
            for method, path, body in REQUESTS
        ]


def over_loopback(fake: Answering) -> Shown:
    async def main() -> Shown:
        server = await serve(fake)
        try:
            return await by_async_client(httpx.AsyncHTTPTransport(), url_of(server))
        finally:
            server.close()

    return asyncio.run(main())


def mounted(fake: Answering) -> Shown:
    app = FastAPI()
    app.mount("/cio", asgi_app(fake))
    return asyncio.run(by_async_client(httpx.ASGITransport(app), TRACK, root="/cio"))


DOORS: dict[str, Callable[[FakeWorkspace], Shown]] = {
    "respx, async": lambda fake: asyncio.run(by_async_client(async_door(fake), TRACK)),
    "respx, blocking": lambda fake: by_client(sync_door(fake)),
    "httpx, async": lambda fake: asyncio.run(by_async_client(async_transport(fake), TRACK)),
    "httpx, blocking": lambda fake: by_client(sync_transport(fake)),
    "httpx2, async": lambda fake: asyncio.run(by_async_client(async_transport(fake, httpx2), TRACK, httpx2)),
    "httpx2, blocking": lambda fake: by_client(sync_transport(fake, httpx2), httpx2),
    "ASGI": lambda fake: asyncio.run(by_async_client(httpx.ASGITransport(asgi_app(fake)), TRACK)),
    "ASGI, mounted in FastAPI": mounted,
    "loopback": over_loopback,
}


def make_fake() -> FakeWorkspace:
    return FakeWorkspace(latency=0, limit=10_000)


@pytest.fixture(scope="module")
def expected() -> Shown:
    """What the model itself answers."""
    fake, answers = make_fake(), []
    for credentials in (BASIC, "Basic d3Jvbmc6a2V5"):
        for method, path, body in REQUESTS:
            headers = {**headers_of(body, credentials), "host": "track.customer.io"}
            reply = fake.answer(method, path, headers, content_of(body) or b"", 0.0)
            length = {} if reply.status == 204 else {"content-length": str(len(reply.body))}
            answers.append((reply.status, sorted({**reply.headers, **length}.items()), reply.body))
    return answers


@pytest.mark.parametrize("door", DOORS)
def test_every_door_gives_the_same_answers(door: str, expected: Shown) -> None:
    """Status, every header, every byte; right credentials and wrong ones."""
    assert len({status for status, _, _ in expected}) >= 5
    assert DOORS[door](make_fake()) == expected


@pytest.mark.parametrize("door", DOORS)
def test_every_door_leads_to_the_same_state(door: str) -> None:
    """And the model is left alike."""
    direct, fake = make_fake(), make_fake()
    DOORS["httpx, blocking"](direct)
    DOORS[door](fake)
    assert (fake.people, fake.delivery(), fake.requests) == (direct.people, direct.delivery(), direct.requests)


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(("fault", "failure"), [("reset_connections", "ReadError"), ("times_out", "ReadTimeout")])
def test_faults_are_the_librarys_own_failures(library: Any, fault: str, failure: str) -> None:
    """So that the code under test meets what it would meet on a network."""
    fake = make_fake()
    getattr(fake.at(0), fault)()
    with (
        library.Client(transport=sync_transport(fake, library, sleep=lambda _: None)) as client,
        pytest.raises(getattr(library, failure)),
    ):
        client.get(TRACK + "/auth", timeout=1)


@pytest.mark.asyncio
async def test_a_reset_through_asgi() -> None:
    """The nearest that ASGI has."""
    fake = make_fake()
    fake.at(0).reset_connections()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi_app(fake)), base_url=TRACK) as client:
        with pytest.raises(ConnectionResetError, match="connection reset by the fake"):
            await client.get("/auth")


@pytest.mark.asyncio
async def test_what_is_never_answered_through_asgi() -> None:
    """It ends when the client goes away, without an answer."""
    fake = make_fake()
    fake.at(0).times_out()
    sent: list[Any] = []
    messages = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.request", "body": b"}"}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/api/v1/customers/é",
        "query_string": b"",
        "headers": [(b"Authorization", BASIC.encode())],
    }
    await asgi_app(fake)(scope, receive, send)
    assert (sent, fake.requests) == ([], 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_asgi_without_http(kind: str) -> None:
    """Left alone."""

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    await asgi_app(make_fake())({"type": kind}, nothing, nothing)
