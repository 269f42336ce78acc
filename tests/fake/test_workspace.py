"""The workspace's answers: recorded ones, refusals, its budget, its counters, its faults."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply
from pytest_cio_load.units import UnitError

KEY = "secret-key"
AUTHORIZED = {"authorization": "Basic " + b64encode(f"site:{KEY}".encode()).decode()}


def fake(**options: Any) -> FakeWorkspace:
    return FakeWorkspace(**{"site_id": "site", "api_key": KEY, "latency": "0ms", **options})


def ask(workspace: FakeWorkspace, operation: api.Operation, now: float = 0.0) -> Reply:
    return workspace.answer(operation.method, operation.path, AUTHORIZED, operation.body or b"", now)


def put(workspace: FakeWorkspace, body: bytes, path: str = "/api/v1/customers/u1", now: float = 0.0) -> Reply:
    return workspace.answer("PUT", path, AUTHORIZED, body, now)


def error(reply: Reply) -> str:
    return str(json.loads(reply.body)["meta"]["error"])


def test_an_accepted_request_is_answered_as_recorded() -> None:
    """200, an empty object and a newline, the recorded headers, and none about rates."""
    reply = ask(fake(), api.identify("u1", {}))
    assert (reply.status, reply.body) == (200, b"{}\n")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache, no-store, must-revalidate, max-age=0"
    assert {"access-control-allow-origin", "status", "strict-transport-security", "via"} < set(reply.headers)
    assert not [name for name in reply.headers if "rate" in name or "request-id" in name]


def test_what_was_sent_is_there() -> None:
    """People with their attributes, events, deletions."""
    workspace = fake()
    ask(workspace, api.identify("u1", {"email": "u1@example.com", "plan": "pro"}))
    ask(workspace, api.track("u1", "bought", {"n": 1}))
    ask(workspace, api.identify("u2", {}))
    ask(workspace, api.delete("u2"))
    assert workspace.people == {"u1": {"id": "u1", "email": "u1@example.com", "plan": "pro"}}
    assert [(event.person, event.name, event.data) for event in workspace.events] == [("u1", "bought", {"n": 1})]
    assert workspace.deletions == ["u2"]


@given(st.text(min_size=1, max_size=36))
def test_the_fake_decodes_what_the_client_encodes(identifier: str) -> None:
    """Whatever is in an identifier, the person of a path is the person that was meant."""
    workspace = fake()
    ask(workspace, api.track(identifier, "e"))
    (event,) = workspace.events if not identifier.startswith("cio_") else (None,)
    assert event is None or event.person == identifier
    assert workspace.received("track") == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": ""}, {"authorization": "Basic nonsense"}, {"authorization": "Basic " + b64encode(b"site:other").decode()}],
)
def test_wrong_credentials_are_401(headers: dict[str, str]) -> None:
    """In Customer.io's words; nothing is applied."""
    workspace = fake()
    reply = workspace.answer("PUT", "/api/v1/customers/u1", headers, b"{}", 0.0)
    assert (reply.status, error(reply)) == (401, "Unauthorized request. Make sure that you provided the right credentials.")
    assert (workspace.people, workspace.rejected("identify")) == ({}, 1)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/customers/u1"),
        ("POST", "/api/v1/customers/u1"),
        ("PUT", "/api/v1/customers/u1/events"),
        ("POST", "/api/v1/customers/u1/events/"),
        ("PUT", "/customers/u1"),
        ("GET", "/"),
    ],
)
def test_an_unknown_path_is_404(method: str, path: str) -> None:
    """Counted, and rejected."""
    workspace = fake()
    assert workspace.answer(method, path, AUTHORIZED, b"{}", 0.0).status == 404
    assert workspace.rejected("unknown") == workspace.received() == 1


def test_a_query_is_ignored() -> None:
    """The path decides."""
    workspace = fake()
    assert put(workspace, b"{}", "/api/v1/customers/u1?x=/y").status == 200
    assert list(workspace.people) == ["u1"]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b"{}", "/api/v1/customers/", "id attribute must be present"),
        (b'{"id":5}', "/api/v1/customers/u1", "id attribute must be a string value"),
        (b'{"id":""}', "/api/v1/customers/u1", "id attribute cannot be an empty string"),
        (b"{}", "/api/v1/customers/" + "x" * 151, "id attribute cannot be longer than 150 bytes"),
        (
            json.dumps(dict.fromkeys(map(str, range(301)))).encode(),
            "/api/v1/customers/u1",
            "cannot identify more than 300 attributes in one request",
        ),
        (json.dumps({"n" * 151: 1}).encode(), "/api/v1/customers/u1", "attribute name cannot be longer than 150 bytes"),
        (json.dumps({"bio": "x" * 1001}).encode(), "/api/v1/customers/u1", "value for attribute 'bio' cannot be longer than 1000 bytes"),
        (b'{"bio":"' + b"\\ud800" * 400 + b'"}', "/api/v1/customers/u1", "value for attribute 'bio' cannot be longer than 1000 bytes"),
        (b"", "/api/v1/customers/u1", "request body must be valid JSON"),
        (b"{", "/api/v1/customers/u1", "request body must be valid JSON"),
        (b'{"x":NaN}', "/api/v1/customers/u1", "request body must be valid JSON"),
        (b"\xff", "/api/v1/customers/u1", "request body must be valid JSON"),
        (b"[" * 100_000, "/api/v1/customers/u1", "request body must be valid JSON"),
        (b"[]", "/api/v1/customers/u1", "request body must be a JSON object"),
    ],
)
def test_a_bad_identify_is_400(body: bytes, path: str, message: str) -> None:
    """In Customer.io's words where it has some; nothing is applied."""
    workspace = fake()
    reply = put(workspace, body, path)
    assert (reply.status, error(reply)) == (400, message)
    assert (workspace.people, workspace.rejected("identify")) == ({}, 1)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event name must not be blank"),
        ({"name": "  "}, "event name must not be blank"),
        ({"name": "e" * 101}, "event name cannot be longer than 100 bytes"),
        ({"name": "e", "data": [1]}, "event data must be a hash"),
        ({"name": "e", "data": {"x": "y" * 100_000}}, "event data cannot be longer than 100000 bytes"),
    ],
)
def test_a_bad_event_is_400(event: dict[str, Any], message: str) -> None:
    """In Customer.io's words; nothing is applied."""
    workspace = fake()
    reply = workspace.answer("POST", "/api/v1/customers/u1/events", AUTHORIZED, json.dumps(event).encode(), 0.0)
    assert (reply.status, error(reply)) == (400, message)
    assert (workspace.events, workspace.people, workspace.rejected("track")) == ([], {}, 1)


@given(st.dictionaries(st.text(max_size=160), st.text(max_size=1_100), max_size=4))
def test_the_fake_takes_exactly_what_the_client_sends(attributes: dict[str, str]) -> None:
    """What the client refuses the fake would have refused, and what it lets through the fake takes."""
    workspace = fake()
    reply = put(workspace, json.dumps(attributes).encode())
    try:
        operation = api.identify("u1", attributes)
    except InvalidOperation:
        assert reply.status == 400
    else:
        assert ask(workspace, operation).status == reply.status == 200


def test_a_repeated_event_is_a_duplicate() -> None:
    """200, counted, and applied once."""
    workspace, event = fake(), api.track("u1", "e")
    assert [ask(workspace, event).status for _ in range(3)] == [200] * 3
    assert (workspace.applied("track"), workspace.duplicates("track"), len(workspace.events)) == (1, 2, 1)


def test_latency_is_seeded() -> None:
    """Two workspaces of one seed answer alike."""
    workspaces = (fake(latency="uniform(10ms,50ms)", seed=4), fake(latency="uniform(10ms,50ms)", seed=4))
    delays = [[put(workspace, b"{}").delay for _ in range(20)] for workspace in workspaces]
    assert delays[0] == delays[1]
    assert len(set(delays[0])) > 10


@pytest.mark.parametrize("origin", [0.0, 1_000.0, 123_456.789])
def test_faults_count_from_the_beginning_of_the_run(origin: float) -> None:
    """Whatever the clock shows when it begins."""
    workspace = fake(latency="50ms")
    workspace.begin(origin)
    workspace.at("20s").freeze("10s")
    delays = [put(workspace, b"{}", now=origin + now).delay for now in (0.0, 19.95, 19.9625, 25.0, 30.0)]
    assert delays == [0.05, 0.05, 10.05, 5.05, 0.05]


def test_without_begin_the_first_request_begins_the_run() -> None:
    """Its arrival is 0 s."""
    workspace = fake(latency="50ms")
    workspace.at("1s").freeze("1s")
    assert [put(workspace, b"{}", now=now).delay for now in (500.0, 501.0)] == [0.05, 1.05]


def test_threads_share_one_workspace() -> None:
    """Nothing is lost."""
    workspace = fake()

    def send(thread: int) -> None:
        for number in range(200):
            put(workspace, b"{}", f"/api/v1/customers/{thread}-{number}")

    threads = [Thread(target=send, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert workspace.applied() == len(workspace.people) == 800


def test_the_key_is_never_shown() -> None:
    """Neither in repr nor in an answer."""
    workspace = fake()
    reply = workspace.answer("PUT", "/api/v1/customers/u1", {}, b"{}", 0.0)
    assert KEY not in repr(workspace) + repr(reply) + reply.body.decode()
    assert repr(workspace) == "FakeWorkspace(limit=100, over_budget='accept', latency='0ms')"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"over_budget": "rejct"}, "over_budget: got 'rejct'; expected 'accept', 'reject', 'throttle' or 'drop'; did you mean reject?"),
        ({"over_budget": 5}, "over_budget: got 5; expected 'accept', 'reject', 'throttle' or 'drop'; 'accept' is what Customer.io does"),
        ({"limit": 0}, "limit: got 0; expected requests per second, more than 0; try 100"),
    ],
)
def test_a_workspace_that_makes_no_sense(options: dict[str, Any], message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="expected") as caught:
        fake(**options)
    assert str(caught.value) == message


def test_a_latency_that_makes_no_sense() -> None:
    """The text of latencies."""
    with pytest.raises(UnitError, match="did you mean '40ms'"):
        fake(latency="40")


def test_counting_an_operation_that_does_not_exist() -> None:
    """Got, expected, nearest."""
    message = "operation: got 'identfy'; expected one of identify, track, delete, unknown; did you mean identify?"
    with pytest.raises(ValueError, match=re.escape(message)):
        fake().received("identfy")
