"""Our own client straight into the fake: no HTTP library between them, and nothing else is different."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.client import CallRecord, Client, SyncClient
from pytest_cio_load.customerio.pacing import Retry
from pytest_cio_load.customerio.wire import Answer, HttpxSyncWire, HttpxWire, NoAnswer, Request
from pytest_cio_load.customerio.workspaces import Region, Workspace
from pytest_cio_load.errors import RateLimited, Unauthorized, Unreachable
from pytest_cio_load.fake.account import FakeAccount
from pytest_cio_load.fake.answering import AT_MOST, Answering
from pytest_cio_load.fake.doors import async_door, sync_door
from pytest_cio_load.fake.in_process import InProcessWire, SyncInProcessWire
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply

WORKSPACE = Workspace("site", "secret-key", limit=10_000)
ONCE = Retry(attempts=1)
Seen = tuple[list[tuple[int, dict[str, str], bytes] | str], float, Any]


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 500.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time = round(self.time + seconds, 6)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


def make_fake(**options: Any) -> FakeWorkspace:
    return FakeWorkspace(site_id="site", api_key="secret-key", **options)


def straight(fake: Answering, clock: Clock, workspace: Workspace = WORKSPACE, timeout: float = 10.0) -> InProcessWire:
    return InProcessWire(workspace, fake, now=clock.now, timeout=timeout, sleep=clock.asleep)


def sync_straight(fake: Answering, clock: Clock, workspace: Workspace = WORKSPACE, timeout: float = 10.0) -> SyncInProcessWire:
    return SyncInProcessWire(workspace, fake, now=clock.now, timeout=timeout, sleep=clock.sleep)


def through_respx(fake: Answering, clock: Clock, workspace: Workspace = WORKSPACE, timeout: float = 10.0) -> HttpxWire:
    host = workspace.base_url.split("/")[2]
    return HttpxWire(workspace, transport=async_door(fake, host=host, now=clock.now, sleep=clock.asleep), timeout=timeout)


def sync_through_respx(fake: Answering, clock: Clock, workspace: Workspace = WORKSPACE, timeout: float = 10.0) -> HttpxSyncWire:
    host = workspace.base_url.split("/")[2]
    return HttpxSyncWire(workspace, transport=sync_door(fake, host=host, now=clock.now, sleep=clock.sleep), timeout=timeout)


WAYS: list[Callable[..., Any]] = [straight, sync_straight, through_respx, sync_through_respx]


def shown(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """Its length apart, which httpx adds."""
    return answer.status, {name: value for name, value in answer.headers.items() if name != "content-length"}, answer.body


def sent(way: Callable[..., Any], requests: list[Request], arrange: Callable[[FakeWorkspace], object], **options: Any) -> Seen:
    """What came of *requests* by one way, when it was over, and what the fake was left with."""
    fake, clock = make_fake(limit=10_000, seed=3), Clock()
    arrange(fake)
    wire = way(fake, clock, **options)
    told: list[tuple[int, dict[str, str], bytes] | str] = []

    async def main() -> None:
        for request in requests:
            try:
                answer = wire.send(request)
                told.append(shown(answer if isinstance(answer, Answer) else await answer))
            except NoAnswer as failed:
                told.append(failed.reason)

    asyncio.run(main())
    return told, clock.time, (fake.people, fake.events, fake.delivery(), fake.requests)


REQUESTS = [
    Request("PUT", "/api/v1/customers/a%2Fb%40example.com", b'{"email":"a/b@example.com","name":"\xc3\xa9"}'),
    Request("PUT", "/api/v1/customers/%2E%2E", b"{}"),
    Request("POST", "/api/v1/customers/a%2Fb%40example.com/events", b'{"name":"bought","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}'),
    Request("POST", "/api/v1/customers/a%2Fb%40example.com/events", b'{"name":"bought","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}'),
    Request("POST", "/api/v1/segments/7/add_customers?id_type=email", b'{"ids":["a/b@example.com"]}'),
    Request("POST", "/api/v2/batch", b'{"batch":[{"type":"person","action":"nonsense"}]}'),
    Request("POST", "/api/v1/customers/u1/suppress"),
    Request("DELETE", "/api/v1/customers/%2E%2E"),
    Request("PUT", "/api/v1/customers/u2", b'{"a":NaN}'),
    Request("PUT", "/api/v1/customers/u2", b""),
    Request("POST", "/api/v1/forms/f%201/submit", b'{"data":{"email":"f@example.com"}}'),
    Request("GET", "/api/v1/accounts/region"),
    Request("GET", "/nowhere"),
]


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda fake: None, id="nothing goes wrong"),
        pytest.param(lambda fake: fake.at(0).fail(503, retry_after=7), id="failures"),
        pytest.param(lambda fake: fake.at(0).fail(500, ratio=0.5, applied=True), id="failures by chance"),
        pytest.param(lambda fake: fake.at(0).unauthorized(), id="a revoked key"),
        pytest.param(lambda fake: fake.at(0).reset_connections(), id="resets"),
        pytest.param(lambda fake: fake.at(0).reset_connections(applied=True), id="resets once applied"),
        pytest.param(lambda fake: fake.at(0).times_out(), id="no answer"),
        pytest.param(lambda fake: fake.at(0).freeze("2s"), id="a freeze"),
        pytest.param(lambda fake: fake.at(0).freeze("30s"), id="a freeze longer than anybody waits"),
        pytest.param(lambda fake: fake.at(0).slow(3), id="slowness"),
        pytest.param(lambda fake: fake.at(0).drop(), id="drops"),
        pytest.param(lambda fake: fake.at(0).rate_limit(1), id="a limit"),
    ],
)
@pytest.mark.parametrize("way", WAYS[:2])
def test_the_same_as_through_respx(way: Callable[..., Any], arrange: Callable[[FakeWorkspace], object]) -> None:
    """Answers and failures in words, when each was over, and the state that the fake is left in."""
    assert sent(way, REQUESTS, arrange) == sent(through_respx, REQUESTS, arrange)


@pytest.mark.parametrize("timeout", [0.03, 0.04, 1e6], ids=["shorter than the answer takes", "just as long", "longer than a day"])
@pytest.mark.parametrize("way", WAYS)
def test_how_long_it_waits(way: Callable[..., Any], timeout: float) -> None:
    """For the answer, for the time-out, and a day at most."""
    told, until, _ = sent(way, [Request("GET", "/auth")], lambda fake: None, timeout=timeout)
    assert (told[0] == f"no answer within {timeout:g} s") is (timeout < 0.04)
    assert until == 500.0 + min(timeout, 0.04)
    told, until, _ = sent(way, [Request("GET", "/auth")], lambda fake: fake.at(0).times_out(), timeout=timeout)
    assert (told, until) == ([f"no answer within {timeout:g} s"], 500.0 + min(timeout, AT_MOST))


@pytest.mark.parametrize(
    "workspace",
    [
        Workspace("site", "secret-key", Region.EU),
        Workspace("site", "other-key"),
        Workspace("site", "secret-key", url="http://localhost"),
        Workspace("site", "secret-key", url="https://track.customer.io/v9"),
    ],
    ids=["the other region", "a wrong key", "another host", "a path before the path"],
)
@pytest.mark.parametrize("way", WAYS[:2])
def test_where_to_and_as_whom(way: Callable[..., Any], workspace: Workspace) -> None:
    """Host, path and credentials are what they are for any engine."""
    requests = [Request("PUT", "/api/v1/customers/u1", b"{}"), Request("GET", "/api/v1/accounts/region")]
    expected = sent(through_respx, requests, lambda fake: None, workspace=workspace)
    assert sent(way, requests, lambda fake: None, workspace=workspace) == expected


person = st.text(min_size=1).filter(lambda text: text.strip() and len(text.encode("utf-8", "ignore")) <= 150 and text.isprintable())


@given(person=person, attributes=st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=9), max_size=3))
def test_any_person_is_the_same_person(person: str, attributes: dict[str, Any]) -> None:
    """Whatever they are called: between client and fake nobody quotes, unquotes or tidies a path but those two."""
    people = []
    attributes = {name: value for name, value in attributes.items() if name not in ("self", "identifier")}
    for wire in (sync_straight, sync_through_respx):
        fake, clock = make_fake(), Clock()
        client = SyncClient(WORKSPACE, wire(fake, clock), now=clock.now, retry=ONCE)
        client.identify(person, **{"plan": "pro", **attributes})
        client.track(person, "bought")
        people.append((fake.people, fake.events[0].person, fake.delivery()))
    assert people[0] == people[1]


def test_both_clients() -> None:
    """A call takes as long as the answer does, from coroutines and from threads."""
    fake, clock, records = make_fake(), Clock(), list[CallRecord]()

    async def main() -> None:
        async with Client(WORKSPACE, straight(fake, clock), now=clock.now, on_call=records.append) as client:
            await client.identify("ada", plan="pro")

    asyncio.run(main())
    with SyncClient(WORKSPACE, sync_straight(fake, clock), now=clock.now, on_call=records.append) as blocking:
        blocking.track("ada", "bought")
    assert [(record.operation, round(record.ended - record.began, 6), record.error) for record in records] == [
        ("identify", 0.04, None),
        ("track", 0.04, None),
    ]
    assert fake.people == {"ada": {"id": "ada", "plan": "pro"}}


@pytest.mark.parametrize(
    ("arrange", "error", "says"),
    [
        (lambda fake: fake.at(0).unauthorized(), Unauthorized, "Make sure that you provided the right credentials"),
        (lambda fake: fake.at(0).fail(429, retry_after=1), RateLimited, "429"),
        (lambda fake: fake.at(0).reset_connections(), Unreachable, "connection lost before the answer was complete"),
        (lambda fake: fake.at(0).times_out(), Unreachable, "no answer within 10 s"),
    ],
)
def test_how_a_call_fails(arrange: Callable[[FakeWorkspace], object], error: type[Exception], says: str) -> None:
    """In the client's own errors, which show no key."""
    fake, clock = make_fake(), Clock()
    arrange(fake)
    with pytest.raises(error, match=says) as caught:
        SyncClient(WORKSPACE, sync_straight(fake, clock), now=clock.now, retry=ONCE).identify("u1")
    assert "secret-key" not in str(caught.value) + repr(caught.value)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 1.0


def test_several_workspaces() -> None:
    """The credentials decide whose a request is."""
    first, second = make_fake(), FakeWorkspace(site_id="other", api_key="secret-key")
    clock = Clock()
    wire = sync_straight(FakeAccount([first, second]), clock, Workspace("other", "secret-key"))
    wire.send(Request("PUT", "/api/v1/customers/u1", b"{}"))
    assert (list(first.people), list(second.people)) == ([], ["u1"])


def test_what_the_model_is_told() -> None:
    """Headers by lower-case name, a content type where there is content; asked of whatever answers at that moment."""
    fake, told = make_fake(), list[tuple[str, str, Mapping[str, str], bytes, float]]()
    clock = Clock()
    wire = sync_straight(fake, clock)
    real = fake.answer

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        told.append((method, path, headers, body, now))
        return real(method, path, headers, body, now)

    fake.answer = answer  # type: ignore[method-assign]
    wire.send(Request("DELETE", "/api/v1/customers/u1"))
    wire.send(Request("PUT", "/api/v1/customers/u1", b"{}"))
    always = {"host": "track.customer.io", "authorization": WORKSPACE.authorization, "accept": "application/json"}
    always["user-agent"] = "pytest-cio-load"
    assert told == [
        ("DELETE", "/api/v1/customers/u1", always, b"", 500.0),
        ("PUT", "/api/v1/customers/u1", {**always, "content-type": "application/json"}, b"{}", 500.04),
    ]


@pytest.mark.parametrize("make", [InProcessWire, SyncInProcessWire])
def test_a_time_out_is_a_time(make: Any) -> None:
    """As for every engine."""
    with pytest.raises(ValueError, match=r"^timeout: got 0; expected seconds, more than 0; try 10$"):
        make(WORKSPACE, make_fake(), now=lambda: 0.0, timeout=0)


WITHOUT_HTTP = """
import sys
from pytest_cio_load.customerio.client import SyncClient
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.fake.in_process import SyncInProcessWire
from pytest_cio_load.fake.workspace import FakeWorkspace

fake, there = FakeWorkspace(latency=0, site_id="site", api_key="key"), Workspace("site", "key")
SyncClient(there, SyncInProcessWire(there, fake, now=lambda: 0.0), now=lambda: 0.0).identify("u1")
print(fake.applied(), [name for name in ("httpx", "respx", "aiohttp") if name in sys.modules])
"""


def test_no_http_library_is_imported() -> None:
    """None is needed, and httpx and respx would take longer to import than many a run."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_HTTP], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "1 []"
