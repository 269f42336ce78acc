"""Both clients through the doors: the same model, no socket, nothing patched."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from pytest_cio_load.customerio.api import Region, Workspace
from pytest_cio_load.customerio.client import CallRecord, Client, SyncClient
from pytest_cio_load.customerio.pacing import Retry
from pytest_cio_load.customerio.wire import HttpxSyncWire, HttpxWire
from pytest_cio_load.errors import RateLimited, Refused, Unauthorized, Unreachable
from pytest_cio_load.fake.doors import async_door, respx_router, sync_door
from pytest_cio_load.fake.workspace import FakeWorkspace

WORKSPACE = Workspace("site", "secret-key", limit=10_000)
ONCE = Retry(attempts=1)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 500.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    async def asleep(self, seconds: float) -> None:
        self.time += seconds


def make_fake(**options: object) -> FakeWorkspace:
    return FakeWorkspace(site_id="site", api_key="secret-key", **options)  # type: ignore[arg-type]


def async_client(fake: FakeWorkspace, clock: Clock, workspace: Workspace = WORKSPACE, **options: object) -> Client:
    door = async_door(fake, now=clock.now, sleep=clock.asleep)
    return Client(workspace, HttpxWire(workspace, transport=door), now=clock.now, **options)  # type: ignore[arg-type]


def sync_client(fake: FakeWorkspace, clock: Clock, workspace: Workspace = WORKSPACE, **options: object) -> SyncClient:
    door = sync_door(fake, now=clock.now, sleep=clock.sleep)
    return SyncClient(workspace, HttpxSyncWire(workspace, transport=door), now=clock.now, **options)  # type: ignore[arg-type]


PEOPLE = {"a/b@example.com": {"email": "a/b@example.com", "plan": "pro"}}


@pytest.mark.asyncio
async def test_the_async_client_reaches_the_fake() -> None:
    """What it sends is there; each call takes the latency."""
    fake, clock, records = make_fake(latency="40ms"), Clock(), list[CallRecord]()
    client = async_client(fake, clock, on_call=records.append)
    await client.identify("a/b@example.com", plan="pro")
    await client.identify("gone")
    await client.track("a/b@example.com", "bought", {"n": 1})
    await client.delete("gone")
    await client.aclose()
    assert fake.people == PEOPLE
    assert [(event.name, event.data) for event in fake.events] == [("bought", {"n": 1})]
    assert [round(record.ended - record.began, 6) for record in records] == [0.04] * 4


def test_the_sync_client_reaches_the_fake() -> None:
    """The blocking twin, the same."""
    fake, clock, records = make_fake(latency="40ms"), Clock(), list[CallRecord]()
    client = sync_client(fake, clock, on_call=records.append)
    client.identify("a/b@example.com", plan="pro")
    client.identify("gone")
    client.track("a/b@example.com", "bought", {"n": 1})
    client.delete("gone")
    client.close()
    assert fake.people == PEOPLE
    assert [(event.name, event.data) for event in fake.events] == [("bought", {"n": 1})]
    assert [round(record.ended - record.began, 6) for record in records] == [0.04] * 4


@pytest.mark.asyncio
async def test_the_running_loops_time_is_the_default() -> None:
    """No clock need be passed."""
    fake = make_fake(latency="1ms")
    client = Client(WORKSPACE, HttpxWire(WORKSPACE, transport=async_door(fake)))
    await asyncio.gather(*(client.identify(f"u{n}") for n in range(10)))
    assert fake.applied("identify") == 10


def test_real_time_is_the_default_of_the_sync_door() -> None:
    """No clock need be passed."""
    fake = make_fake(latency="1ms")
    SyncClient(WORKSPACE, HttpxSyncWire(WORKSPACE, transport=sync_door(fake))).identify("u1")
    assert fake.applied("identify") == 1


@pytest.mark.asyncio
async def test_wrong_credentials() -> None:
    """The fake's 401 is the client's Unauthorized, and shows no key."""
    other = Workspace("site", "other-key")
    with pytest.raises(Unauthorized) as caught:
        await async_client(make_fake(), Clock(), other).identify("u1")
    assert "Make sure that you provided the right credentials" in str(caught.value)
    assert "other-key" not in str(caught.value) + repr(caught.value)


@pytest.mark.asyncio
async def test_over_the_fakes_budget() -> None:
    """The fake's 429 is the client's RateLimited."""
    fake, clock = make_fake(latency="0ms", limit=1, over_budget="reject"), Clock()
    client = async_client(fake, clock, retry=ONCE)
    for number in range(8):
        await client.identify(f"u{number}")
    with pytest.raises(RateLimited) as caught:
        await client.identify("u9")
    assert caught.value.retry_after == 1.0


def test_a_client_within_its_pace_never_meets_the_budget() -> None:
    """Whatever the fake would do: 300 calls at the limit are all applied at the first attempt, none of them twice."""
    workspace = Workspace("site", "secret-key", limit=100)
    fake, clock, records = make_fake(latency="0ms", limit=100, over_budget="reject"), Clock(), list[CallRecord]()
    client = sync_client(fake, clock, workspace, on_call=records.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytest_cio_load.customerio.client.time.sleep", clock.sleep)
        for number in range(300):
            client.identify(f"u{number}")
    assert (fake.applied(), fake.received()) == (300, 300)
    assert clock.time - 500.0 == pytest.approx(2.96)
    assert sum(record.paced for record in records) == pytest.approx(2.96)


@pytest.mark.asyncio
async def test_what_the_fake_refuses_is_refused() -> None:
    """A path the fake does not know, since the url has one of its own: its words arrive in the error."""
    space = Workspace("site", "secret-key", url="https://track.customer.io/v9")
    with pytest.raises(Refused, match="404 not found; expected 2xx; mend the operation"):
        await async_client(make_fake(), Clock(), space).identify("u1")


def test_a_freeze_longer_than_the_time_out_is_a_time_out() -> None:
    """The door keeps to the request's own patience, as a socket would."""
    fake, clock = make_fake(latency="50ms"), Clock()
    fake.at(0).freeze("30s")
    with pytest.raises(Unreachable, match="no answer within 10 s"):
        sync_client(fake, clock, retry=ONCE).identify("u1")
    assert clock.time == 510.0


@pytest.mark.asyncio
async def test_a_freeze_longer_than_the_time_out_is_a_time_out_for_coroutines_too() -> None:
    """The async door, the same."""
    fake, clock = make_fake(latency="50ms"), Clock()
    fake.at(0).freeze("30s")
    with pytest.raises(Unreachable, match="no answer within 10 s"):
        await async_client(fake, clock, retry=ONCE).identify("u1")
    assert clock.time == 510.0


def test_a_door_of_another_host() -> None:
    """An EU workspace has another one."""
    fake, space = make_fake(latency="0ms"), Workspace("site", "secret-key", Region.EU)
    door = sync_door(fake, host="track-eu.customer.io")
    SyncClient(space, HttpxSyncWire(space, transport=door)).identify("u1")
    assert fake.applied() == 1


def test_any_httpx_client_may_use_a_door() -> None:
    """Code that never heard of our client, with a time-out or without."""
    fake = make_fake(latency="0ms")
    with httpx.Client(transport=sync_door(fake), auth=("site", "secret-key"), timeout=None) as client:
        response = client.put("https://track.customer.io/api/v1/customers/u1", json={"a": 1})
    assert (response.status_code, response.text, response.headers["content-length"]) == (200, "{}\n", "3")
    assert fake.people == {"u1": {"id": "u1", "a": 1}}


def test_no_history_is_kept() -> None:
    """A million calls cost no memory."""
    router = respx_router(lambda request: httpx.Response(200))
    with httpx.Client(transport=httpx.MockTransport(router.handler)) as client:
        client.get("https://track.customer.io/")
    assert len(router.calls) == len(router.routes[0].calls) == 0
