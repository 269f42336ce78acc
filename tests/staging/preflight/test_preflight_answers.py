"""Answers that are almost right: nothing follows them, no redirect and no second question."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.safety import allowlist
from pytest_cio_load.safety.allowlist import Entry
from pytest_cio_load.safety.guard import RULES
from pytest_cio_load.staging import preflight
from pytest_cio_load.staging.preflight import Way, ask

SITE, KEY, APP = "5f1c0aa7d2b94e38", "9be27d416f0c53aa", "e0d4b7719c2f4a6b8d35"
SECRETS = (SITE, KEY, APP)
ENVIRONMENT = {"CIO_LOAD_SITE_ID": SITE, "CIO_LOAD_API_KEY": KEY, "CIO_LOAD_APP_KEY": APP, "CIO_LOAD_LIVE": "1"}
IMPATIENT = 0.4
"""Seconds between two parts of an answer that a slow server is waited for."""


def states(asked: preflight.Asked | preflight.Grounds) -> list[str]:
    """How every rule stands, in order."""
    assert [standing.rule for standing in asked.standings] == list(RULES)
    return [standing.state for standing in asked.standings]


class Raw:
    """A server that answers every request with the same bytes, or drop by drop."""

    def __init__(self, answer: bytes, *, drops: bool = False) -> None:
        self._answer, self._drops = answer, drops
        self.asked: list[str] = []

    async def __aenter__(self) -> Raw:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head.partition(b" HTTP")[0].decode())
            writer.write(self._answer)
            await writer.drain()
            while self._drops:
                await asyncio.sleep(IMPATIENT / 8)
                writer.write(b" ")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An answer as it is sent."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "connection: close", "", ""])
    return head.encode() + body


def told(**changes: object) -> bytes:
    """The right answer, with changes; None takes a field away."""
    said = {"url": "https://track.customer.io", "region": "us", "environment_id": 1001, **changes}
    return http(json.dumps({name: value for name, value in said.items() if value is not None}).encode())


MALFORMED = [
    (http(b"<html>sign in</html>"), "a body that is no JSON"),
    (http(b""), "a body that is no JSON"),
    (http(b"{"), "a body that is no JSON"),
    (http(b"[1]"), "JSON that is no object but list"),
    (http(b"null"), "JSON that is no object but NoneType"),
    (http(b"{}"), "no environment_id"),
    (told(environment_id=None), "no environment_id"),
    (told(environment_id="1001"), "environment_id '1001'"),
    (told(environment_id=True), "environment_id True"),
    (told(environment_id=1001.0), "environment_id 1001.0"),
    (told(environment_id=1002), "workspace 1002"),
    (told(region=None), "no region"),
    (told(region=1), "region 1"),
    (told(region="eu"), "region 'eu'"),
    (told(region=None, data_center="eu"), "data_center 'eu'"),
    (told(url=None), "no url"),
    (told(url="https://track-eu.customer.io"), "url 'https://track-eu.customer.io'"),
    (told(url="https://example.com"), "url 'https://example.com'"),
    (told(region=SITE), "region '[hidden]'"),
    (http(b"{}", "301 Moved", "location: http://127.0.0.1:1/"), "301 (Moved Permanently, without a reason)"),
    (http(b"{}", "302 Found", "location: /api/v1/accounts/region"), "302 (Found, without a reason)"),
    (http(b"{}", "307 Temporary Redirect", "location: /elsewhere"), "307 (Temporary Redirect, without a reason)"),
    (http(b'{"meta":{"error":"wrong datacenter"}}', "301 Moved"), "301 wrong datacenter"),
    (http(b'{"meta":{"error":"who is %s?"}}' % KEY.encode(), "403 Forbidden"), "403 who is [hidden]?"),
    (http(b"", "204 No Content"), "204 (accounts/region)"),
    (b"SMTP ready\r\n\r\n", "no answer: the answer is not HTTP"),
    (b"", "no answer: connection lost before the answer was complete"),
]


@pytest.mark.parametrize(("answer", "got"), MALFORMED, ids=[f"{number}-{got[:24]}" for number, (_, got) in enumerate(MALFORMED)])
def test_an_answer_that_is_not_right(listed: Path, answer: bytes, got: str) -> None:
    """Nothing follows it: no redirect, no second question."""

    async def run() -> tuple[preflight.Asked, list[str]]:
        async with Raw(answer) as server:
            asked = await ask(ENVIRONMENT, listed, way=Way(track_url=server.url, app_url=server.url))
            return asked, server.asked

    asked, requests = asyncio.run(run())
    assert states(asked) == [*["met"] * 5, "not met", "not asked", "not asked"]
    assert asked.standings[5].said.startswith(f"got {got}")
    assert asked.standings[5].remedy
    assert set(requests) == {"GET /api/v1/accounts/region"}
    assert len(requests) <= 2
    assert not any(secret in repr(asked) for secret in SECRETS)


LISTS = [
    (http(b"no"), "a body that is no JSON"),
    (http(b"[]"), "JSON that is no object but list"),
    (http(b"{}"), "no list of workspaces"),
    (http(b'{"workspaces":[{"id":"1001","name":"staging"}]}'), "a workspace without a whole-numbered id or a name"),
    (http(b'{"errors":[{"detail":"wrong datacenter"}]}', "401 Unauthorized"), "401 wrong datacenter"),
    (http(b"{}", "301 Moved", "location: /v1/customers"), "301 (Moved Permanently, without a reason)"),
    (http(b"{}", "500 Oh"), "500 (Internal Server Error, without a reason)"),
]


@pytest.mark.parametrize(("answer", "got"), LISTS, ids=[got[:24] for _, got in LISTS])
def test_an_app_api_that_is_not_right(fake: ServedFake, listed: Path, answer: bytes, got: str) -> None:
    """The rule is that of the App key, and the name is not known."""

    async def run() -> tuple[preflight.Asked, list[str]]:
        async with Raw(answer) as server:
            return await ask(ENVIRONMENT, listed, way=Way(track_url=fake.url, app_url=server.url)), server.asked

    asked, requests = asyncio.run(run())
    assert states(asked) == [*["met"] * 6, "not asked", "not met"]
    assert asked.standings[7].said.startswith(f"got {got}")
    assert set(requests) == {"GET /v1/workspaces"}
    assert (fake.requests, fake.received("account_region")) == (1, 1)


@pytest.mark.parametrize("name", [None, "staging"])
@pytest.mark.parametrize(
    ("content", "got", "key"),
    [
        (b'{"workspaces":[]}', "no workspace", "met"),
        (b'{"workspaces":[{"id":2,"name":"staging"}]}', "1 workspaces, 1001 not among them", "not met"),
    ],
)
def test_a_list_without_the_workspace(
    fake: ServedFake, listed: Path, entry: Entry, name: str | None, content: bytes, got: str, key: str
) -> None:
    """Leaves its name unknown, declared or not: that is not met."""
    allowlist.write(listed, [replace(entry, name=name)])

    async def run() -> preflight.Asked:
        async with Raw(http(content)) as server:
            return await ask(ENVIRONMENT, listed, way=Way(track_url=fake.url, app_url=server.url))

    asked = asyncio.run(run())
    assert states(asked) == [*["met"] * 6, "not met", key]
    assert asked.standings[6].said == f"got no name, for the App key lists {got}; expected workspace 1001 once"
    with pytest.raises(GuardRefused, match="rule 'name'"):
        asked.approved  # noqa: B018


def test_the_older_name_of_the_region(fake: ServedFake, listed: Path, entry: Entry) -> None:
    """Will do, as long as everything else is as declared."""

    async def run() -> preflight.Asked:
        async with Raw(told(region=None, data_center="us")) as server:
            return await ask(ENVIRONMENT, listed, way=Way(track_url=server.url, app_url=fake.url))

    assert asyncio.run(run()).approved.entry == entry


def test_an_answer_that_comes_drop_by_drop(listed: Path) -> None:
    """Each drop is in time, and the whole never comes."""

    async def run() -> preflight.Asked:
        async with Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", drops=True) as server:
            return await ask(ENVIRONMENT, listed, way=Way(timeout=IMPATIENT, track_url=server.url, app_url=server.url))

    assert asyncio.run(run()).standings[5].said.startswith("got no answer: not whole within 1.6 s (accounts/region)")
