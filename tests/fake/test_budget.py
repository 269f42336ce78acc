"""The workspace over its budget, four ways; and that every request is counted as exactly one thing."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.pacing import Bucket
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply

AUTHORIZED = {"authorization": "Basic " + b64encode(b"site:secret-key").decode()}


def fake(**options: Any) -> FakeWorkspace:
    return FakeWorkspace(**{"site_id": "site", "api_key": "secret-key", "latency": "0ms", **options})


def put(workspace: FakeWorkspace, path: str = "/api/v1/customers/u1", now: float = 0.0) -> Reply:
    return workspace.answer("PUT", path, AUTHORIZED, b"{}", now)


def burst(workspace: FakeWorkspace, requests: int, now: float = 0.0) -> list[Reply]:
    return [put(workspace, f"/api/v1/customers/{workspace.received()}", now) for _ in range(requests)]


def test_over_budget_accept() -> None:
    """As if there was no budget."""
    workspace = fake(limit=10, over_budget="accept")
    assert {reply.status for reply in burst(workspace, 100)} == {200}
    assert (workspace.applied(), len(workspace.people)) == (100, 100)


def test_over_budget_reject() -> None:
    """429 with Retry-After; not applied; and a rejected request uses up no budget."""
    workspace = fake(limit=10, over_budget="reject")
    replies = burst(workspace, 100)
    assert [reply.status for reply in replies] == [200] * 8 + [429] * 92
    assert (replies[-1].headers["retry-after"], json.loads(replies[-1].body)) == (
        "1",
        {"meta": {"error": "rate limited to 10 requests per second"}},
    )
    assert (workspace.applied(), workspace.rejected(), len(workspace.people)) == (8, 92, 8)
    assert put(workspace, now=0.1).status == 200


def test_over_budget_drop() -> None:
    """200, but not applied, and counted."""
    workspace = fake(limit=10, over_budget="drop")
    assert {reply.status for reply in burst(workspace, 100)} == {200}
    assert (workspace.applied(), workspace.dropped(), len(workspace.people)) == (8, 92, 8)


def test_over_budget_throttle() -> None:
    """Answered so late that the budget holds: the 108th of 100/s, 10 at once, comes 0.98 s later."""
    workspace = fake(limit=100, over_budget="throttle", latency="40ms")
    replies = burst(workspace, 108)
    assert [reply.delay for reply in replies[:12]] == [0.04] * 10 + [0.05, 0.06]
    assert replies[-1].delay == 1.02
    assert workspace.applied() == 108


@pytest.mark.parametrize("over_budget", ["reject", "throttle", "drop"])
def test_within_the_budget_nothing_happens(over_budget: str) -> None:
    """100/s for 10 s by a limiter of 4 at once."""
    workspace, bucket = fake(limit=100, over_budget=over_budget), Bucket(100)
    replies = [put(workspace, now=bucket.reserve(0.0)) for _ in range(1_000)]
    assert {(reply.status, reply.delay) for reply in replies} == {(200, 0.0)}
    assert workspace.applied() == 1_000


KINDS = st.sampled_from(["identify", "track", "again", "delete", "bad", "unknown", "stranger"])


@given(st.lists(st.tuples(KINDS, st.integers(0, 50_000)), max_size=80), st.sampled_from(["accept", "reject", "throttle", "drop"]))
def test_what_is_received_is_applied_rejected_dropped_or_a_duplicate(asked: list[tuple[str, int]], over_budget: str) -> None:
    """Always, by operation and in all."""
    workspace, now = fake(limit=20, over_budget=over_budget), 0.0
    event = api.track("u1", "e", id="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    for kind, gap in asked:
        now += gap / 1e6
        if kind in ("bad", "unknown", "stranger"):
            path = "/nowhere" if kind == "unknown" else "/api/v1/customers/u1"
            workspace.answer("PUT", path, {} if kind == "stranger" else AUTHORIZED, b"[", now)
        else:
            made = {"identify": api.identify("u1", {}), "track": api.track("u1", "e"), "again": event, "delete": api.delete("u1")}
            operation = made[kind]
            workspace.answer(operation.method, operation.path, AUTHORIZED, operation.body or b"", now)
    for name in (None, "identify", "track", "delete", "unknown"):
        became = (workspace.applied, workspace.rejected, workspace.dropped, workspace.duplicates)
        assert workspace.received(name) == sum(count(name) for count in became)
    assert workspace.received() == len(asked)
    assert workspace.applied("track") == len(workspace.events)
