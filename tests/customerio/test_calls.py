"""The methods of the clients: all of them, the same on every kind of client, each measured under its own name."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from random import Random
from typing import Any

import customerio
import pytest

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.calls import AppCalls, BlockingAppCalls, BlockingCalls, Calls
from pytest_cio_load.customerio.client import AppClient, CallRecord, Client, SyncAppClient, SyncClient
from pytest_cio_load.customerio.replies import AccountRegion, ItemRefusal
from pytest_cio_load.customerio.routing import RoutedClient, SyncRoutedClient
from pytest_cio_load.customerio.wire import Answer, Request
from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.fake.workspace import FakeWorkspace

WORKSPACE = api.Workspace("site", "key", limit=10_000)
APP = api.AppAccess("app-key", limit=10_000)
CALLS: dict[str, tuple[Any, ...]] = {
    "identify": ("u1",),
    "track": ("u1", "e"),
    "page": ("u1", "/x"),
    "screen": ("u1", "home"),
    "track_anonymous": ("anon", "e"),
    "add_device": ("u1", "tok", "ios"),
    "delete_device": ("u1", "tok"),
    "suppress": ("u9",),
    "unsuppress": ("u9",),
    "merge_customers": ("id", "u1", "id", "u2"),
    "add_customers_to_segment": (1, ["u1"]),
    "remove_customers_from_segment": (1, ["u1"]),
    "report_metric": ("d", "opened"),
    "report_push": ("d", "opened", "tok"),
    "unsubscribe": ("d",),
    "submit_form": ("f", {"id": "u1"}),
    "account_region": (),
    "auth": (),
    "entity": ({"type": "person", "action": "delete", "identifiers": {"id": "u3"}},),
    "batch": ([api.identify("u4", {})],),
    "delete": ("u1",),
}
READS: dict[str, tuple[Any, ...]] = {
    "customers_by_email": ("u1@example.com",),
    "customer_attributes": ("u1",),
    "customers_attributes": (["u1"],),
    "customer_activities": ("u1",),
    "activities": (),
    "customers_by_filter": ({"attribute": {"field": "plan", "operator": "exists"}},),
    "workspaces": (),
}


class InProcess:
    """A wire of both kinds into a fake workspace."""

    def __init__(self, fake: FakeWorkspace, access: api.Access) -> None:
        self.fake, self.access, self.requests = fake, access, []

    def ask(self, request: Request) -> Answer:
        self.requests.append(request)
        headers = {"authorization": self.access.authorization, "content-type": "application/json"}
        reply = self.fake.answer(request.method, request.path, headers, request.body or b"", 0.0)
        return Answer(reply.status, reply.headers, reply.body)


class AsyncInProcess(InProcess):
    async def send(self, request: Request) -> Answer:
        return self.ask(request)

    async def aclose(self) -> None:
        pass


class SyncInProcess(InProcess):
    def send(self, request: Request) -> Answer:
        return self.ask(request)

    def close(self) -> None:
        pass


def workspace() -> FakeWorkspace:
    return FakeWorkspace(site_id="site", api_key="key", app_key="app-key", latency=0)


def test_every_operation_is_in_the_tables_above() -> None:
    """So that none goes untested."""
    assert set(CALLS) == set(api.TRACK_OPERATIONS)
    assert set(READS) == set(api.APP_OPERATIONS)


@pytest.mark.parametrize("kind", [Calls, BlockingCalls, Client, SyncClient, RoutedClient, SyncRoutedClient])
def test_every_track_operation_is_a_method_of_every_client(kind: type) -> None:
    """And of nothing else's name."""
    assert set(api.TRACK_OPERATIONS) <= set(dir(kind))


@pytest.mark.parametrize("kind", [AppCalls, BlockingAppCalls, AppClient, SyncAppClient])
def test_every_app_operation_is_a_method_of_every_app_client(kind: type) -> None:
    """And of nothing else's name."""
    assert set(api.APP_OPERATIONS) <= set(dir(kind))


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_accepted_by_the_fake_and_recorded_under_its_name(name: str) -> None:
    """By both twins, which send the same bytes."""
    records: list[CallRecord] = []
    sent = []

    async def call(client: Client) -> None:
        await getattr(client, name)(*CALLS[name])

    blocking = SyncInProcess(workspace(), WORKSPACE)
    client = SyncClient(WORKSPACE, blocking, on_call=records.append, rng=Random(1), today=lambda: 5.0)
    getattr(client, name)(*CALLS[name])
    sent.append(blocking.requests)
    wire = AsyncInProcess(workspace(), WORKSPACE)
    asyncio.run(call(Client(WORKSPACE, wire, on_call=records.append, rng=Random(1), today=lambda: 5.0)))
    sent.append(wire.requests)
    assert [(record.operation, record.attempts, record.error) for record in records] == [(name, 1, None)] * 2
    assert sent[0] == sent[1]


@pytest.mark.parametrize("name", READS)
def test_every_read_is_answered_by_the_fake_and_recorded_under_its_name(name: str) -> None:
    """By both twins, with equal values."""
    fake = workspace()
    SyncClient(WORKSPACE, SyncInProcess(fake, WORKSPACE)).identify("u1", email="u1@example.com", plan="pro")
    records: list[CallRecord] = []

    async def call(client: AppClient) -> object:
        return await getattr(client, name)(*READS[name])

    found = getattr(SyncAppClient(APP, SyncInProcess(fake, APP), on_call=records.append), name)(*READS[name])
    again = asyncio.run(call(AppClient(APP, AsyncInProcess(fake, APP), on_call=records.append)))
    assert [(record.operation, record.error) for record in records] == [(name, None)] * 2
    assert found == again
    assert found


def test_what_the_reads_give_back() -> None:
    """People, their attributes, activities and workspaces, as values that show nobody."""
    fake = workspace()
    SyncClient(WORKSPACE, SyncInProcess(fake, WORKSPACE)).identify("u1", email="u1@example.com", plan="pro")
    app = SyncAppClient(APP, SyncInProcess(fake, APP))
    (names,) = app.customers_by_email("u1@example.com")
    person = app.customer_attributes("u1@example.com", id_type="email")
    page = app.customers_by_filter({"attribute": {"field": "plan", "operator": "eq", "value": "pro"}})
    assert (names.id, names.email, person.names, page.items) == ("u1", "u1@example.com", names, (names,))
    assert person.attributes["plan"] == "pro"
    assert [one.names.id for one in app.customers_attributes(["u1", "u2"])] == ["u1"]
    assert [activity.names.id for activity in app.activities(limit=10).items][:1] == ["u1"]
    assert [(one.id, one.people) for one in app.workspaces()] == [(1, 1)]
    assert "u1" not in repr([names, person, page])


def test_pages_are_walked_by_start() -> None:
    """Each page says where the next one begins."""
    fake = workspace()
    client = SyncClient(WORKSPACE, SyncInProcess(fake, WORKSPACE))
    for number in range(5):
        client.track("u1", f"e{number}")
    app = SyncAppClient(APP, SyncInProcess(fake, APP))
    names, start = [], None
    while start != "":
        page = app.customer_activities("u1", type="event", limit=2, start=start)
        names += [activity.name for activity in page.items]
        start = page.next
    assert sorted(names) == [f"e{number}" for number in range(5)]


def test_the_region_is_asked_for() -> None:
    """Where the account is, and which workspace the credentials belong to."""
    client = SyncClient(WORKSPACE, SyncInProcess(workspace(), WORKSPACE))
    found = client.account_region()
    assert found == AccountRegion("https://track.customer.io", api.Region.US, 1)
    assert found.problem_with(WORKSPACE) is None
    wrong = api.Workspace("site", "key", api.Region.EU)
    assert found.problem_with(wrong) == "region: got eu; expected us, where the account's data is kept; write Region.US"


def test_a_batch_says_what_was_refused() -> None:
    """By its place; everything else was accepted."""

    class Refuses(SyncInProcess):
        def ask(self, request: Request) -> Answer:
            return Answer(207, {}, b'{"errors":[{"batch_index":1,"reason":"invalid","field":"name","message":"no bob"}]}')

    refused = SyncClient(WORKSPACE, Refuses(workspace(), WORKSPACE)).batch([api.delete("a"), api.delete("bob")])
    assert refused == (ItemRefusal(1, "invalid", "name", "no bob"),)
    assert "bob" not in repr(refused)


@pytest.mark.parametrize("call", [Client.track, SyncClient.track, Client.page])
def test_a_method_shows_its_own_signature(call: Callable[..., Any]) -> None:
    """With self and without the maker of ids; and it has the operation's documentation."""
    parameters = list(inspect.signature(call).parameters)
    assert parameters[0] == "self"
    assert "new_id" not in parameters
    assert (call.__doc__ or "").startswith("Send ")


def test_an_attribute_may_be_called_anything() -> None:
    """Also as the method's own arguments are."""
    fake = workspace()
    SyncClient(WORKSPACE, SyncInProcess(fake, WORKSPACE)).identify("u1", self="a", identifier="b", name="c", new_id="d")
    assert fake.people["u1"] == {"id": "u1", "self": "a", "identifier": "b", "name": "c", "new_id": "d"} | fake.people["u1"]


def test_names_are_those_of_the_official_client() -> None:
    """Whoever knows it finds the way; backfill is track with a timestamp."""
    ours = set(dir(SyncClient))
    official = {name for name in vars(customerio.CustomerIO) if not name.startswith(("_", "get_", "setup_", "is_"))}
    assert official - ours <= {"backfill"}


def test_a_pageview_is_measured_as_a_page() -> None:
    """It is the official client's name for the same call."""
    records: list[CallRecord] = []
    SyncClient(WORKSPACE, SyncInProcess(workspace(), WORKSPACE), on_call=records.append).pageview("u1", "/x")
    assert [record.operation for record in records] == ["page"]


@pytest.mark.parametrize("name", CALLS)
def test_what_is_refused_before_it_is_sent_is_recorded_under_its_name(name: str) -> None:
    """Without an attempt."""
    if name in ("account_region", "auth"):
        return
    bad = {"batch": ([],), "entity": ({},), "merge_customers": ("id", "", "id", "b"), "add_customers_to_segment": (1, [])}
    bad |= {"remove_customers_from_segment": (1, []), "submit_form": ("", {}), "add_device": ("", "t", "ios")}
    records: list[CallRecord] = []
    wire = SyncInProcess(workspace(), WORKSPACE)
    arguments = bad.get(name, ("",) * len(CALLS[name]))
    with pytest.raises(InvalidOperation):
        getattr(SyncClient(WORKSPACE, wire, on_call=records.append), name)(*arguments)
    assert [(record.operation, record.attempts) for record in records] == [(name, 0)]
    assert wire.requests == []


@pytest.mark.asyncio
async def test_clients_close_their_wires_at_the_end_of_a_block() -> None:
    """Async and blocking."""
    closed = []

    class Wire(AsyncInProcess):
        async def aclose(self) -> None:
            closed.append("async")

    class Blocking(SyncInProcess):
        def close(self) -> None:
            closed.append("blocking")

    async with Client(WORKSPACE, Wire(workspace(), WORKSPACE)) as client:
        await client.delete("u1")
    with SyncClient(WORKSPACE, Blocking(workspace(), WORKSPACE)) as blocking:
        blocking.delete("u1")
    assert closed == ["async", "blocking"]
