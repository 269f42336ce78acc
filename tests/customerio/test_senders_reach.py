"""Sending in batches to several workspaces, and into the fake."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.batch import Outcome
from pytest_cio_load.customerio.client import Client, SyncClient
from pytest_cio_load.customerio.routing import RoutedClient, Router, SyncRoutedClient
from pytest_cio_load.customerio.senders import BatchSender, SyncBatchSender
from pytest_cio_load.customerio.wire import Answer, Request
from pytest_cio_load.fake.workspace import FakeWorkspace

WORKSPACE = api.Workspace("site", "key", limit=1_000_000)


class SyncWire:
    """Accepts everything, and notes the items of each request."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []

    def send(self, request: Request) -> Answer:
        self.batches.append(json.loads(request.body or b"")["batch"])
        return Answer(200, {}, b"{}\n")

    def close(self) -> None:
        pass


class AsyncWire(SyncWire):
    async def send(self, request: Request) -> Answer:  # type: ignore[override]
        return SyncWire.send(self, request)

    async def aclose(self) -> None:
        pass


def test_with_several_workspaces_every_person_is_in_one() -> None:
    """Each batch holds people of its workspace alone; a merge across workspaces is refused."""
    workspaces = [api.Workspace(f"site-{number}", "key", limit=1_000_000) for number in range(3)]
    asked = [api.track(f"u{number % 40}", "e") for number in range(200)]
    home = Router(workspaces).index_for
    stranger = next(f"u{number}" for number in range(40) if home(f"u{number}") != home("u0"))
    asked.append(api.merge_customers("id", "u0", "id", stranger))

    async def gather(client: RoutedClient) -> list[Outcome]:
        return [outcome async for outcome in BatchSender(client, items=10).send(asked)]

    for kind in (AsyncWire, SyncWire):
        wires = [kind() for _ in workspaces]
        if kind is AsyncWire:
            routed = RoutedClient(Client(workspace, wire) for workspace, wire in zip(workspaces, wires, strict=True))
            found = asyncio.run(gather(routed))
        else:
            blocking = SyncRoutedClient(SyncClient(workspace, wire) for workspace, wire in zip(workspaces, wires, strict=True))
            found = list(SyncBatchSender(blocking, items=10).send(asked))
        assert sorted(outcome.index for outcome in found) == list(range(201))
        assert [(outcome.index, outcome.reason[:30]) for outcome in found if not outcome.accepted] == [
            (200, "got people of 2 workspaces; ex")
        ]
        homes = [{item["identifiers"]["id"] for batch in wire.batches for item in batch} for wire in wires]
        assert sum(map(len, homes)) == len(set.union(*homes)) == 40


def test_what_the_fake_applies_is_what_was_sent() -> None:
    """The fake reads every operation in its version 2 form, and everything is applied."""
    fake = FakeWorkspace(site_id="site", api_key="key", latency=0)

    class IntoTheFake:
        def send(self, request: Request) -> Answer:
            headers = {"authorization": WORKSPACE.authorization}
            reply = fake.answer(request.method, request.path, headers, request.body or b"", 0.0)
            return Answer(reply.status, reply.headers, reply.body)

        def close(self) -> None:
            pass

    asked = [
        api.identify("u1", {"email": "u1@example.com", "plan": "pro"}),
        api.identify("u2", {}),
        api.track("u1", "bought", {"n": 1}),
        api.page("u1", "/x"),
        api.screen("u1", "home"),
        api.add_device("u1", "tok", "ios"),
        api.delete_device("u1", "tok"),
        api.merge_customers("id", "u1", "id", "u2"),
        api.suppress("u3"),
        api.unsuppress("u3"),
        api.report_push("d", "opened", "tok"),
        api.entity({"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "acme"}, "attributes": {}}),
        api.delete("u4"),
    ]
    found = list(SyncBatchSender(SyncClient(WORKSPACE, IntoTheFake())).send(asked))
    assert [outcome.reason for outcome in found] == [""] * len(asked)
    assert (fake.received(), fake.rejected(), fake.requests) == (len(asked), 0, 1)
    assert fake.people["u1"]["plan"] == "pro"
    assert [event.name for event in fake.events] == ["bought", "/x", "home"]
