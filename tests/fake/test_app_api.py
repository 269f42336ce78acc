"""The App API: what can be read, when it can be seen, and its hard limit."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from pytest_cio_load.fake.workspace import FakeWorkspace, Reply

TRACK = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()}
APP = {"authorization": "Bearer fake-app-key"}


def fake(**options: Any) -> FakeWorkspace:
    return FakeWorkspace(**{"app_limit": 1_000, **options})


def send(workspace: FakeWorkspace, path: str, body: Any = None, now: float = 0.0, method: str = "") -> int:
    verb = method or ("POST" if path.endswith(("events", "customers")) else "PUT")
    return workspace.answer(verb, f"/api/v1{path}", TRACK, json.dumps(body or {}).encode(), now).status


def ask(workspace: FakeWorkspace, path: str, body: Any = None, now: float = 0.0, method: str = "") -> Reply:
    verb = method or ("GET" if body is None else "POST")
    return workspace.answer(verb, path, APP, b"" if body is None else json.dumps(body).encode(), now)


def read(workspace: FakeWorkspace, path: str, body: Any = None, now: float = 0.0) -> Any:
    reply = ask(workspace, path, body, now)
    assert reply.status == 200
    return json.loads(reply.body)


def filled(**options: Any) -> FakeWorkspace:
    workspace = fake(**options)
    for number in range(1, 4):
        plan = "pro" if number == 1 else "free"
        send(workspace, f"/customers/u{number}", {"email": f"u{number}@example.com", "plan": plan, "_load_test": True, "n": number})
    send(workspace, "/customers/u1/events", {"name": "bought", "data": {"n": 1}})
    send(workspace, "/customers/u2/events", {"name": "seen", "type": "page"})
    send(workspace, "/segments/7/add_customers", {"ids": ["u1", "u2"]})
    return workspace


@pytest.mark.parametrize("headers", [{}, TRACK, {"authorization": "Bearer other"}])
@pytest.mark.parametrize("path", ["/v1/workspaces", "/v1/activities", "/v1/nowhere"])
def test_the_app_key_is_needed(headers: dict[str, str], path: str) -> None:
    """401 in the App API's shape."""
    reply = fake().answer("GET", path, headers, b"", 0.0)
    assert (reply.status, json.loads(reply.body)["errors"][0]["status"]) == (401, "401")


def test_people_by_email() -> None:
    """Their names; an unknown email is an empty list and no error."""
    workspace = filled()
    profile = workspace.person("u1")
    assert profile is not None
    found = {"email": "u1@example.com", "id": "u1", "cio_id": profile.cio_id}
    assert read(workspace, "/v1/customers?email=u1%40example.com") == {"results": [found]}
    assert read(workspace, "/v1/customers?email=nobody%40example.com") == {"results": []}


@pytest.mark.parametrize("kind", ["id", "email", "cio_id", ""])
def test_attributes_of_a_person(kind: str) -> None:
    """By any of their names, with devices."""
    workspace = filled()
    send(workspace, "/customers/u1/devices", {"device": {"id": "t1", "platform": "ios"}})
    profile = workspace.person("u1")
    assert profile is not None
    name = {"id": "u1", "email": "u1%40example.com", "cio_id": profile.cio_id, "": "u1"}[kind]
    customer = read(workspace, f"/v1/customers/{name}/attributes?id_type={kind}")["customer"]
    assert customer["attributes"] == {**workspace.people["u1"], "cio_id": profile.cio_id}
    assert (customer["id"], customer["unsubscribed"], customer["devices"]) == ("u1", False, [{"id": "t1", "platform": "ios"}])


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/nobody/attributes",
        "/v1/customers/u1%40example.com/attributes",
        "/v1/customers/u1/attributes?id_type=email",
        "/v1/customers/nobody/segments",
        "/v1/customers/nobody/messages",
        "/v1/customers/nobody/activities",
        "/v1/segments/99",
        "/v1/segments/x/membership",
        "/v1/nowhere",
    ],
)
def test_what_is_not_there_is_404(path: str) -> None:
    """In the App API's shape."""
    reply = ask(filled(), path)
    assert (reply.status, json.loads(reply.body)) == (404, {"errors": [{"detail": "not found", "status": "404"}]})


def test_attributes_of_many() -> None:
    """Those that are known, in the order asked."""
    found = read(filled(), "/v1/customers/attributes", {"ids": ["u3", "nobody", "u1"]})
    assert [customer["id"] for customer in found["customers"]] == ["u3", "u1"]


EQ = {"attribute": {"field": "plan", "operator": "eq", "value": "pro"}}
SEGMENT = {"segment": {"id": 7}}


@pytest.mark.parametrize(
    ("filter_", "ids"),
    [
        (EQ, ["u1"]),
        (SEGMENT, ["u1", "u2"]),
        ({"not": EQ}, ["u2", "u3"]),
        ({"and": [SEGMENT, {"not": EQ}]}, ["u2"]),
        ({"or": [EQ, {"not": SEGMENT}]}, ["u1", "u3"]),
        ({"attribute": {"field": "plan", "operator": "exists"}}, ["u1", "u2", "u3"]),
        ({"attribute": {"field": "nothing", "operator": "exists"}}, []),
        ({"attribute": {"field": "_load_test", "operator": "eq", "value": "true"}}, ["u1", "u2", "u3"]),
        ({"attribute": {"field": "_load_test", "operator": "eq", "value": True}}, ["u1", "u2", "u3"]),
        ({"attribute": {"field": "n", "operator": "eq", "value": 2}}, ["u2"]),
        ({"segment": {"id": 8}}, []),
    ],
)
def test_people_by_filter(filter_: Any, ids: list[str]) -> None:
    """And, or and not over segments and attributes."""
    found = read(filled(), "/v1/customers", {"filter": filter_})
    assert (found["ids"], [one["id"] for one in found["identifiers"]], found["next"]) == (ids, ids, "")


def test_pages_of_people() -> None:
    """One after the other, each once."""
    workspace, ids, start = filled(), [], ""
    for _ in range(2):
        page = read(workspace, f"/v1/customers?limit=2&start={start}", {"filter": {"not": {"segment": {"id": 8}}}})
        ids, start = ids + page["ids"], page["next"]
    assert (ids, start) == (["u1", "u2", "u3"], "")


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/v1/customers", None, "email must be present"),
        ("/v1/customers", {}, "filter must be one of and, or, not, segment and attribute"),
        ("/v1/customers", [], "request body must be a JSON object"),
        ("/v1/customers", {"filter": {"and": []}}, "filter.and must be a list of at least one filter"),
        ("/v1/customers", {"filter": {"and": [EQ, {"x": 1}]}}, "filter.and[1] must be one of and, or, not, segment and attribute"),
        ("/v1/customers", {"filter": {"segment": {"id": "7"}}}, "filter.segment must have the number of a segment as id"),
        (
            "/v1/customers",
            {"filter": {"not": {"attribute": {"field": "x", "operator": "gt"}}}},
            "filter.not.attribute must have a field, and eq or exists as operator",
        ),
        ("/v1/customers?limit=1001", {"filter": EQ}, "limit must be a whole number from 1 to 1000"),
        ("/v1/customers?limit=0", {"filter": EQ}, "limit must be a whole number from 1 to 1000"),
        ("/v1/customers?start=x", {"filter": EQ}, "start must be what a page gave as next"),
        ("/v1/customers/attributes", {"ids": []}, "ids must be a list of 1 to 100 strings"),
        ("/v1/customers/attributes", {"ids": ["a"] * 101}, "ids must be a list of 1 to 100 strings"),
        ("/v1/customers/u1/attributes?id_type=x", None, "id_type must be id, email or cio_id"),
        ("/v1/activities?limit=101", None, "limit must be a whole number from 1 to 100"),
        ("/v1/segments", {"segment": {}}, "segment name must be present"),
    ],
)
def test_a_question_that_makes_no_sense(path: str, body: Any, detail: str) -> None:
    """400, with what was expected."""
    reply = ask(filled(), path, body)
    assert (reply.status, json.loads(reply.body)) == (400, {"errors": [{"detail": detail, "status": "400"}]})


def test_a_filter_nested_without_end() -> None:
    """400, and the workspace lives on."""
    workspace = filled()
    body = b'{"filter":' + b'{"not":' * 900 + json.dumps(EQ).encode() + b"}" * 901
    assert workspace.answer("POST", "/v1/customers", APP, body, 0.0).status in (200, 400)
    assert read(workspace, "/v1/workspaces")["workspaces"][0]["people"] == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=event", [("event", "bought", "u1")]),
        ("type=page", [("page", "seen", "u2")]),
        ("name=bought", [("event", "bought", "u1")]),
        ("type=event&name=seen", []),
        ("type=attribute_change&customer_id=u3", [("attribute_change", "", "u3")]),
        ("customer_id=u1%40example.com&id_type=email&type=event", [("event", "bought", "u1")]),
        ("customer_id=nobody", []),
        ("limit=2", [("page", "seen", "u2"), ("event", "bought", "u1")]),
    ],
)
def test_activities(query: str, expected: list[tuple[str, str, str]]) -> None:
    """Newest first, by type, name and person."""
    found = read(filled(), f"/v1/activities?{query}")["activities"]
    assert [(one["type"], one["name"], one["customer_id"]) for one in found] == expected


def test_an_activity() -> None:
    """What it was, whose, when, and what came with it."""
    workspace = filled(unix_start=1_000)
    send(workspace, "/customers/u1/events", {"name": "late", "data": {"x": 1}}, now=5.0)
    profile = workspace.person("u1")
    assert profile is not None
    (found,) = read(workspace, "/v1/customers/u1/activities?type=event&limit=1", now=5.0)["activities"]
    assert {name: found[name] for name in ("name", "timestamp", "data")} == {"name": "late", "timestamp": 1_005, "data": {"x": 1}}
    assert found["customer_identifiers"] == {"id": "u1", "email": "u1@example.com", "cio_id": profile.cio_id}


def test_pages_of_activities() -> None:
    """One after the other: every activity once."""
    workspace, seen, start = filled(), [], ""
    for _ in range(20):
        page = read(workspace, f"/v1/activities?limit=3&start={start}")
        seen, start = seen + [one["id"] for one in page["activities"]], page["next"]
        if not start:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 8


def test_what_failed_is_told() -> None:
    """Accepted and not applied: why, in the activity log."""
    workspace = filled()
    assert send(workspace, "/customers/nobody", {"_update": True}) == 200
    (found,) = read(workspace, "/v1/activities?type=failed_attribute_change")["activities"]
    assert (found["data"]["failure_message"], workspace.dropped("identify")) == ("there is nobody to update", 1)


@pytest.mark.parametrize(("query", "count"), [("", 0), ("&deleted=true", 4)])
def test_activities_of_the_deleted(query: str, count: int) -> None:
    """Only when they are asked for."""
    workspace = filled()
    send(workspace, "/customers/u1", method="DELETE")
    assert len(read(workspace, f"/v1/activities?customer_id=u1{query}")["activities"]) == count


def test_segments() -> None:
    """Made, listed, counted, read, deleted."""
    workspace = filled()
    assert read(workspace, "/v1/segments", {"segment": {"name": "Testers", "description": "ours"}})["segment"]["id"] == 8
    assert [one["name"] for one in read(workspace, "/v1/segments")["segments"]] == ["Segment 7", "Testers"]
    assert read(workspace, "/v1/segments/8")["segment"]["description"] == "ours"
    assert read(workspace, "/v1/segments/7/customer_count") == {"count": 2}
    assert read(workspace, "/v1/segments/7/membership?limit=1") == {
        "identifiers": read(workspace, "/v1/customers?limit=1", {"filter": SEGMENT})["identifiers"],
        "ids": ["u1"],
        "next": "1",
    }
    assert [one["id"] for one in read(workspace, "/v1/customers/u1/segments")["segments"]] == [7]
    assert ask(workspace, "/v1/segments/7", method="DELETE").status == 200
    assert read(workspace, "/v1/customers/u1/segments") == {"segments": []}


def test_the_workspace_and_messages() -> None:
    """Its number and name, as accounts/region has it; the fake sends no message."""
    workspace = filled(environment_id=42, name="Staging")
    (found,) = read(workspace, "/v1/workspaces")["workspaces"]
    assert (found["id"], found["name"], found["people"]) == (42, "Staging", 3)
    assert read(workspace, "/v1/customers/u1/messages") == {"messages": [], "next": ""}


def test_the_hard_limit() -> None:
    """10 in any second; beyond, the documented 429 with Retry-After; what is refused does not count."""
    workspace = FakeWorkspace()
    replies = [ask(workspace, "/v1/workspaces", now=number / 100) for number in range(15)]
    assert [reply.status for reply in replies] == [200] * 10 + [429] * 5
    assert (replies[10].headers["retry-after"], json.loads(replies[10].body)) == (
        "1",
        {"errors": [{"detail": "rate limited to 10 requests per 1s (reference 000001)", "status": "429"}]},
    )
    assert [ask(workspace, "/v1/workspaces", now=now).status for now in (0.99, 1.0, 1.005, 1.01)] == [429, 200, 429, 200]


def test_the_app_api_has_its_own_budget() -> None:
    """Reads take nothing of the Track budget, and the other way round."""
    workspace = FakeWorkspace(limit=10, over_budget="reject")
    assert {ask(workspace, "/v1/workspaces").status for _ in range(10)} == {200}
    assert {send(workspace, "/customers/u1") for _ in range(8)} == {200}


@pytest.mark.parametrize(("now", "seen"), [(0.0, False), (1.999, False), (2.0, True), (9.0, True)])
def test_a_change_is_seen_after_the_lag(now: float, seen: bool) -> None:
    """People, attributes, segments and activities; the workspace itself knows them at once."""
    workspace = filled(processing_lag="2s")
    assert list(workspace.people) == ["u1", "u2", "u3"]
    assert len(read(workspace, "/v1/customers?email=u1%40example.com", now=now)["results"]) == seen
    assert ask(workspace, "/v1/customers/u1/attributes", now=now).status == (200 if seen else 404)
    assert read(workspace, "/v1/customers", {"filter": SEGMENT}, now)["ids"] == (["u1", "u2"] if seen else [])
    assert len(read(workspace, "/v1/activities?name=bought", now=now)["activities"]) == seen


def test_an_update_and_a_deletion_are_seen_after_the_lag() -> None:
    """Until then what was there before is."""
    workspace = filled(processing_lag=2)
    send(workspace, "/customers/u1", {"plan": "none"}, now=10.0)
    send(workspace, "/customers/u1", method="DELETE", now=11.0)
    plans = []
    for now in (11.9, 12.0, 12.9, 13.0):
        reply = ask(workspace, "/v1/customers/u1/attributes", now=now)
        plans.append(json.loads(reply.body)["customer"]["attributes"]["plan"] if reply.status == 200 else None)
    assert plans == ["pro", "none", "none", None]
