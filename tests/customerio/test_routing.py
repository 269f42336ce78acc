"""Several workspaces behind one client: each person in one, always the same; each workspace with its own limiter and wire."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.client import CallRecord, Client, SyncClient
from pytest_cio_load.customerio.pacing import Bucket
from pytest_cio_load.customerio.routing import RoutedClient, Router, SyncRoutedClient
from pytest_cio_load.customerio.wire import Answer, Request
from pytest_cio_load.errors import InvalidOperation

OK = Answer(200, {}, b"{}\n")


def workspaces(count: int) -> list[api.Workspace]:
    return [api.Workspace(f"site-{number}", "secret-key", limit=1_000_000) for number in range(count)]


class Wire:
    """Notes the paths of requests."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.closed = False

    def send(self, request: Request) -> Answer:
        self.paths.append(request.path)
        return OK

    def close(self) -> None:
        self.closed = True


class AsyncWire(Wire):
    async def send(self, request: Request) -> Answer:  # type: ignore[override]
        return Wire.send(self, request)

    async def aclose(self) -> None:
        self.closed = True


def routed(count: int, records: list[CallRecord] | None = None) -> tuple[SyncRoutedClient, list[Wire]]:
    wires = [Wire() for _ in range(count)]
    on_call = None if records is None else records.append
    clients = [SyncClient(workspace, wire, on_call=on_call) for workspace, wire in zip(workspaces(count), wires, strict=True)]
    return SyncRoutedClient(clients), wires


def across(client: SyncRoutedClient) -> tuple[str, str]:
    """Two people of different workspaces."""
    home = client.router.index_for("u0")
    return "u0", next(f"u{n}" for n in range(1, 1_000) if client.router.index_for(f"u{n}") != home)


@given(st.text(min_size=1, max_size=50), st.permutations(range(6)))
def test_a_person_has_one_workspace_whatever_the_order(identifier: str, order: list[int]) -> None:
    """And whatever else is asked."""
    every = workspaces(6)
    assert Router(every).workspace_for(identifier) == Router([every[place] for place in order]).workspace_for(identifier)


@given(st.text(min_size=1, max_size=50), st.integers(1, 12))
def test_another_workspace_moves_nobody_between_the_old_ones(identifier: str, count: int) -> None:
    """Whoever moves, moves to the new one."""
    every = workspaces(count + 1)
    before, after = Router(every[:-1]).workspace_for(identifier), Router(every).workspace_for(identifier)
    assert after in (before, every[-1])


@given(st.text(min_size=1, max_size=50), st.integers(2, 12), st.data())
def test_a_workspace_that_goes_moves_only_its_own_people(identifier: str, count: int, data: st.DataObject) -> None:
    """Everybody else stays."""
    every = workspaces(count)
    gone = data.draw(st.sampled_from(every))
    before = Router(every).workspace_for(identifier)
    if before != gone:
        assert Router([each for each in every if each != gone]).workspace_for(identifier) == before


@pytest.mark.parametrize("count", [1, 2, 5, 19])
def test_another_workspace_moves_about_one_in_n(count: int) -> None:
    """Not more than is fair: people are spread evenly."""
    every = workspaces(count + 1)
    before, after = Router(every[:-1]), Router(every)
    moved = sum(before.workspace_for(f"u{n}") != after.workspace_for(f"u{n}") for n in range(4_000))
    assert moved / 4_000 == pytest.approx(1 / (count + 1), rel=0.2)


def test_people_are_spread_evenly() -> None:
    """Over twenty workspaces, within what chance does."""
    router = Router(workspaces(20))
    shares = Counter(router.index_for(f"u{n}") for n in range(20_000))
    assert min(shares.values()) > 850
    assert max(shares.values()) < 1_150


def test_routes_are_the_same_in_every_process() -> None:
    """Python's own hash is not; ours is."""
    source = (
        "from pytest_cio_load.customerio import api\n"
        "from pytest_cio_load.customerio.routing import Router\n"
        "router = Router(api.Workspace(f'site-{n}', 'k') for n in range(7))\n"
        "print([router.index_for(f'u{n}') for n in range(50)])\n"
    )
    printed = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
    router = Router(workspaces(7))
    assert printed.strip() == str([router.index_for(f"u{n}") for n in range(50)])


def test_url_region_and_key_do_not_matter() -> None:
    """A mock, staging behind a proxy and a key that was rotated route alike."""
    others = [api.Workspace(f"site-{n}", "other", api.Region.EU, url="http://127.0.0.1:9") for n in range(7)]
    for number in range(50):
        assert Router(others).index_for(f"u{number}") == Router(workspaces(7)).index_for(f"u{number}")


@pytest.mark.parametrize(
    ("every", "message"),
    [
        ([], "workspaces: got none; expected at least one; pass the workspaces to choose from"),
        ([*workspaces(2), *workspaces(1)], "workspaces: got site id 'site-0' 2 times; expected each once; leave the others out"),
    ],
)
def test_bad_workspaces_are_refused(every: list[api.Workspace], message: str) -> None:
    """None, or one twice."""
    with pytest.raises(ValueError, match=message):
        Router(every)


def test_every_call_about_a_person_goes_to_their_workspace() -> None:
    """Whatever the operation."""
    client, wires = routed(5)
    for number in range(30):
        who = f"u{number}"
        client.identify(who, plan="pro")
        client.track(who, "e")
        client.add_device(who, "t", "ios")
        client.submit_form("f", {"id": who})
        client.entity({"type": "person", "action": "delete", "identifiers": {"id": who}})
        client.delete(who)
        assert len(wires[client.router.index_for(who)].paths) % 6 == 0
    assert sum(len(wire.paths) for wire in wires) == 30 * 6


def test_the_async_twin_routes_alike() -> None:
    """The same people to the same places."""
    wires = [AsyncWire() for _ in range(3)]
    every = zip(workspaces(3), wires, strict=True)

    async def run() -> None:
        client = RoutedClient(Client(workspace, wire) for workspace, wire in every)
        for number in range(20):
            await client.identify(f"u{number}")
        await client.aclose()

    asyncio.run(run())
    blocking, others = routed(3)
    for number in range(20):
        blocking.identify(f"u{number}")
    blocking.close()
    assert [wire.paths for wire in wires] == [wire.paths for wire in others]
    assert all(wire.closed for wire in [*wires, *others])


def test_calls_are_recorded_as_those_of_one_client() -> None:
    """Refused ones too."""
    records: list[CallRecord] = []
    client, _ = routed(3, records)
    client.identify("u1")
    with pytest.raises(InvalidOperation, match="identify: id attribute cannot be an empty string"):
        client.identify("")
    assert [(record.operation, record.attempts) for record in records] == [("identify", 1), ("identify", 0)]


def test_people_of_two_workspaces_cannot_be_merged() -> None:
    """Neither workspace knows both."""
    records: list[CallRecord] = []
    client, wires = routed(4, records)
    first, second = across(client)
    with pytest.raises(InvalidOperation) as caught:
        client.merge_customers("id", first, "id", second)
    expected = "merge_customers: got people of 2 workspaces; expected people of one; split it by client.router.workspace_for(identifier)"
    assert str(caught.value) == expected
    assert [wire.paths for wire in wires] == [[]] * 4
    assert isinstance(records[0].error, InvalidOperation)


def test_what_is_about_no_person_needs_a_workspace() -> None:
    """Which is named by its site id."""
    client, wires = routed(3)
    with pytest.raises(InvalidOperation, match=r"account_region: got an operation about no person; .*call it on client.of\(site_id\)"):
        client.account_region()
    client.of("site-1").report_metric("d", "opened")
    assert wires[1].paths == ["/api/v1/metrics"]
    with pytest.raises(ValueError, match=r"site_id: got 'site1'; expected that of one of the 3 workspaces; did you mean site-1\?"):
        client.of("site1")


def test_one_workspace_takes_everything() -> None:
    """Routing among one is no restriction."""
    client, wires = routed(1)
    client.report_metric("d", "opened")
    client.merge_customers("id", "a", "id", "b")
    assert len(wires[0].paths) == 2


def test_each_workspace_has_its_own_limiter() -> None:
    """One that is busy does not hold the others up."""
    buckets = [Bucket(0.001, burst=1) for _ in range(2)]
    clients = [
        SyncClient(workspace, Wire(), bucket=bucket, now=lambda: 0.0) for workspace, bucket in zip(workspaces(2), buckets, strict=True)
    ]
    client = SyncRoutedClient(clients)
    first, second = across(client)
    client.identify(first)
    client.identify(second)
    assert [bucket.reserve(0.0) for bucket in buckets] == [1_000.0] * 2
    assert client.client_for(first) is not client.client_for(second)


def test_a_routed_client_shows_no_key() -> None:
    """Only how many workspaces it has."""
    assert repr(routed(3)[0]) == "SyncRoutedClient(3 workspaces)"
