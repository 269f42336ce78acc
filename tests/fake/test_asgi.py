"""The ASGI door by hand: what a server may say to an application, in every way it may say it."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from pytest_cio_load.fake.asgi import asgi_app
from pytest_cio_load.fake.workspace import FakeWorkspace

AUTHORIZATION = (b"Authorization", b"Basic " + b64encode(b"fake-site-id:fake-api-key"))
GONE = {"type": "http.disconnect"}
WHOLE = {"type": "http.request", "body": b'{"a":1}'}


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def scope(path: str = "/api/v1/customers/u1", method: str = "PUT", **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [AUTHORIZATION], **more}


def call(fake: FakeWorkspace, scope: dict[str, Any], *messages: dict[str, Any]) -> list[Any]:
    """What the application sends when it is told *messages*; asking for more than those is an error."""
    said, sent = iter(messages), list[Any]()

    async def receive() -> Any:
        return next(said)

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        await asgi_app(fake)(scope, receive, send)

    asyncio.run(main())
    return sent


def make_fake(**options: Any) -> FakeWorkspace:
    return FakeWorkspace(**{"latency": 0, **options})


def test_an_answer() -> None:
    """Status, headers as bytes with the length of the body, body."""
    start, body = call(make_fake(), scope(), WHOLE)
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    assert dict(start["headers"])[b"content-length"] == b"3"
    assert all(isinstance(each, bytes) and name == name.lower() for name, value in start["headers"] for each in (name, value))
    assert body == {"type": "http.response.body", "body": b"{}\n"}


@pytest.mark.parametrize(
    "messages",
    [
        [WHOLE],
        [part(b'{"a"'), part(b":1}", more=False)],
        [part(b'{"a":1}'), {"type": "http.request"}],
        [part(b""), part(b'{"a":'), part(b""), part(b"1}"), part(b"", more=False)],
        [{"type": "http.request", "more_body": True}, WHOLE],
    ],
)
def test_a_body_in_parts(messages: list[dict[str, Any]]) -> None:
    """Put together, with every key but the type left out or not."""
    fake = make_fake()
    call(fake, scope(), *messages)
    assert fake.people == {"u1": {"id": "u1", "a": 1}}


@pytest.mark.parametrize("messages", [[GONE], [part(b'{"a":1}'), GONE], [part(b"{"), part(b"}"), GONE]])
def test_a_client_that_goes_away_before_its_request_is_whole(messages: list[dict[str, Any]]) -> None:
    """Has sent nothing, as at the loopback door, not even if what had come made sense."""
    fake = make_fake()
    assert call(fake, scope(), *messages) == []
    assert (fake.requests, fake.people) == (0, {})


@pytest.mark.parametrize(
    ("more", "person"),
    [
        ({"raw_path": b"/api/v1/customers/a%2Fb%40c%2B%25"}, "a/b@c+%"),
        ({"path": "/api/v1/customers/é 100%41+"}, "é 100%41+"),
        ({"raw_path": None}, "u1"),
        ({"raw_path": b"/cio/api/v1/customers/a%2Fb", "root_path": "/cio"}, "a/b"),
        ({"path": "/cio/api/v1/customers/u2", "root_path": "/cio"}, "u2"),
        ({"raw_path": b"/api/v1/customers/u3", "root_path": "/cio"}, "u3"),
        ({"root_path": ""}, "u1"),
    ],
)
def test_the_path(more: dict[str, Any], person: str) -> None:
    """As it was encoded, where the server tells, and below where the application is mounted."""
    fake = make_fake()
    call(fake, {**scope(), **more}, WHOLE)
    assert list(fake.people) == [person]


@pytest.mark.parametrize("query", [{"query_string": b"id_type=email"}, {"query_string": b"id_type=email&x=%20"}])
def test_the_query(query: dict[str, Any]) -> None:
    """Belongs to the path."""
    fake = make_fake()
    call(fake, scope(), {"type": "http.request", "body": b'{"email":"a@example.com"}'})
    ids = {"type": "http.request", "body": b'{"ids":["a@example.com"]}'}
    (start, _) = call(fake, scope("/api/v1/segments/7/add_customers", "POST", **query), ids)
    assert start["status"] == 200


def test_an_answer_without_a_body() -> None:
    """A 204 has no length."""
    form = {"type": "http.request", "body": b'{"data":{"email":"f@example.com"}}'}
    start, body = call(make_fake(), scope("/api/v1/forms/f1/submit", "POST"), form)
    assert (start["status"], start["headers"], body["body"]) == (204, [], b"")


def test_the_clock_is_the_callers() -> None:
    """Faults strike by it."""
    fake, now = make_fake(), [100.0]
    fake.at("10s").fail(503)
    app = asgi_app(fake, now=lambda: now[0])
    statuses = list[int]()

    async def receive() -> Any:
        return WHOLE

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    async def three() -> None:
        for now[0] in (100.0, 109.9, 110.0):
            await app(scope(), receive, send)

    asyncio.run(three())
    assert statuses == [200, 200, 503]


def test_one_that_is_never_answered_waits_for_the_client_to_go() -> None:
    """Whatever else it says before."""
    fake = make_fake()
    fake.at(0).times_out()
    assert call(fake, scope(), WHOLE, part(b""), GONE) == []
    assert fake.requests == 1
