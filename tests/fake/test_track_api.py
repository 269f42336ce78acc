"""Every operation of the Track API, v1: accepted, refused, unauthorized."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from pytest_cio_load.fake.workspace import FakeWorkspace, Reply

AUTHORIZED = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()}
RECORDED = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-cache, no-store, must-revalidate, max-age=0",
    "access-control-allow-origin": "*",
    "status": "200 OK",
    "via": "1.1 google",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
U1 = "/api/v1/customers/u1"
DEVICE = {"device": {"id": "t1", "platform": "ios", "last_used": 5}}


def send(fake: FakeWorkspace, method: str, path: str, body: Any = None, headers: dict[str, str] = AUTHORIZED) -> Reply:
    return fake.answer(method, path, headers, b"" if body is None else json.dumps(body).encode(), 0.0)


ACCEPTED: list[tuple[str, str, str, Any]] = [
    ("identify", "PUT", U1, {"email": "u1@example.com"}),
    ("track", "POST", f"{U1}/events", {"name": "e", "id": ULID, "data": {"n": 1}}),
    ("page", "POST", f"{U1}/events", {"name": "https://example.com", "type": "page"}),
    ("screen", "POST", f"{U1}/events", {"name": "home", "type": "screen"}),
    ("track_anonymous", "POST", "/api/v1/events", {"name": "e", "anonymous_id": "a1"}),
    ("track_anonymous", "POST", "/api/v1/events", {"name": "invite", "data": {"recipient": "a@example.com"}}),
    ("delete", "DELETE", U1, None),
    ("add_device", "PUT", f"{U1}/devices", DEVICE),
    ("delete_device", "DELETE", f"{U1}/devices/t1", None),
    ("suppress", "POST", f"{U1}/suppress", None),
    ("unsuppress", "POST", f"{U1}/unsuppress", None),
    ("add_customers_to_segment", "POST", "/api/v1/segments/7/add_customers", {"ids": ["u1"]}),
    ("remove_customers_from_segment", "POST", "/api/v1/segments/7/remove_customers?id_type=email", {"ids": ["a@example.com"]}),
    ("report_metric", "POST", "/api/v1/metrics", {"delivery_id": "d1", "metric": "opened"}),
    ("report_push", "POST", "/api/v1/push/events", {"delivery_id": "d1", "event": "opened", "device_id": "t1", "timestamp": 5}),
    ("unsubscribe", "POST", "/unsubscribe/d1", {"unsubscribe": True}),
]
OPEN = {"report_metric", "report_push", "unsubscribe"}


@pytest.mark.parametrize(("operation", "method", "path", "body"), ACCEPTED)
def test_what_is_accepted_is_answered_as_recorded(operation: str, method: str, path: str, body: Any) -> None:
    """200, an empty object and a newline, every recorded header and no other; counted as applied."""
    fake = FakeWorkspace()
    reply = send(fake, method, path, body)
    assert (reply.status, reply.body, dict(reply.headers)) == (200, b"{}\n", RECORDED)
    assert fake.applied(operation) == fake.received() == fake.requests == 1


@pytest.mark.parametrize(("operation", "method", "path", "body"), ACCEPTED)
def test_credentials_are_needed_where_they_are(operation: str, method: str, path: str, body: Any) -> None:
    """Metrics and unsubscribing are open; everything else is 401 without credentials, and not applied."""
    fake = FakeWorkspace()
    reply = send(fake, method, path, body, {})
    assert reply.status == (200 if operation in OPEN else 401)
    assert fake.applied() == (1 if operation in OPEN else 0)
    assert fake.people == {}


def test_a_form_is_answered_without_a_body() -> None:
    """204; whoever filled it in is identified."""
    fake = FakeWorkspace()
    reply = send(fake, "POST", "/api/v1/forms/f1/submit", {"data": {"email": "a@example.com", "plan": "pro"}})
    assert (reply.status, reply.body) == (204, b"")
    assert fake.people == {"a@example.com": {"email": "a@example.com", "plan": "pro"}}
    assert fake.applied("submit_form") == 1


@pytest.mark.parametrize(
    ("host", "options", "expected"),
    [
        ("127.0.0.1", {}, ("https://track.customer.io", "us", 1)),
        ("track-eu.customer.io", {}, ("https://track-eu.customer.io", "eu", 1)),
        ("track.customer.io", {"region": "eu", "environment_id": 42}, ("https://track-eu.customer.io", "eu", 42)),
    ],
)
def test_the_region_of_the_account(host: str, options: dict[str, Any], expected: tuple[str, str, int]) -> None:
    """On either host, with the workspace's number."""
    reply = send(FakeWorkspace(**options), "GET", "/api/v1/accounts/region", headers={**AUTHORIZED, "host": host})
    assert (reply.status, json.loads(reply.body)) == (200, dict(zip(("url", "region", "environment_id"), expected, strict=True)))


@pytest.mark.parametrize(("headers", "status"), [(AUTHORIZED, 200), ({}, 401)])
def test_credentials_can_be_tried(headers: dict[str, str], status: int) -> None:
    """``/auth`` says whether they are right."""
    assert send(FakeWorkspace(), "GET", "/auth", headers=headers).status == status


SINGLE: list[tuple[str, str, Any, str]] = [
    ("POST", f"{U1}/events", {"name": "e", "type": "click"}, "event type must be event, page or screen"),
    ("POST", "/api/v1/events", {"name": " "}, "event name must not be blank"),
    ("POST", "/api/v1/events", {"name": "e", "data": []}, "event data must be a hash"),
    ("POST", "/api/v1/customers//events", {"name": "e"}, "id attribute must be present"),
    ("POST", "/api/v1/customers//suppress", None, "id attribute must be present"),
    ("DELETE", "/api/v1/customers/" + "x" * 151, None, "id attribute cannot be longer than 150 bytes"),
    ("PUT", f"{U1}/devices", [], "request body must be a JSON object"),
    ("POST", "/api/v1/merge_customers", {}, "primary must have exactly one of id, email and cio_id"),
    ("POST", "/api/v1/merge_customers", {"primary": {"id": "a"}}, "secondary must have exactly one of id, email and cio_id"),
    (
        "POST",
        "/api/v1/merge_customers",
        {"primary": {"id": "a", "email": "a@example.com"}, "secondary": {"id": "b"}},
        "primary must have exactly one of id, email and cio_id",
    ),
]
SEVERAL: list[tuple[str, str, Any, list[str]]] = [
    ("PUT", f"{U1}/devices", {}, ["device must be a hash"]),
    ("PUT", f"{U1}/devices", {"device": {}}, ["device id must be present", "device platform must be ios or android"]),
    ("PUT", f"{U1}/devices", {"device": {"id": "t", "platform": "palm"}}, ["device platform must be ios or android"]),
    ("DELETE", f"{U1}/devices/", None, ["device id must be present"]),
    ("POST", "/api/v1/metrics", {"metric": "opened"}, ["delivery_id must be present"]),
    ("POST", "/api/v1/metrics", {"delivery_id": "d1"}, ["metric must be present"]),
    ("POST", "/api/v1/push/events", {"delivery_id": "d1"}, ["metric must be present"]),
    ("POST", "/unsubscribe/d1", {"unsubscribe": False}, ["unsubscribe must be true"]),
    ("POST", "/api/v1/forms/f1/submit", {"data": {}}, ["data must have exactly one of id and email"]),
    ("POST", "/api/v1/forms/f1/submit", {"data": {"id": "a", "email": "a@b.c"}}, ["data must have exactly one of id and email"]),
    ("POST", "/api/v1/segments/x/add_customers", {"ids": ["a"]}, ["segment id must be a number"]),
    ("POST", "/api/v1/segments/7/add_customers", {"ids": []}, ["ids must be a list of 1 to 1000 strings"]),
    ("POST", "/api/v1/segments/7/add_customers", {"ids": ["a"] * 1001}, ["ids must be a list of 1 to 1000 strings"]),
    ("POST", "/api/v1/segments/7/add_customers", {"ids": [5]}, ["ids must be a list of 1 to 1000 strings"]),
    ("POST", "/api/v1/segments/7/add_customers?id_type=x", {"ids": ["a"]}, ["id_type must be id, email or cio_id"]),
]


@pytest.mark.parametrize(("method", "path", "body", "says"), SINGLE)
def test_a_refusal_with_one_error(method: str, path: str, body: Any, says: str) -> None:
    """400 in the shape that identify, events and merge have; counted as rejected, and nothing is applied."""
    fake = FakeWorkspace()
    reply = send(fake, method, path, body)
    assert (reply.status, json.loads(reply.body)) == (400, {"meta": {"error": says}})
    assert (fake.rejected(), fake.people) == (1, {})


@pytest.mark.parametrize(("method", "path", "body", "says"), SEVERAL)
def test_a_refusal_with_a_list_of_errors(method: str, path: str, body: Any, says: list[str]) -> None:
    """400 in the specification's generic shape; counted as rejected, and nothing is applied."""
    fake = FakeWorkspace()
    reply = send(fake, method, path, body)
    assert (reply.status, json.loads(reply.body)) == (400, {"meta": {"errors": says}})
    assert (fake.rejected(), fake.people) == (1, {})


@pytest.mark.parametrize(
    ("region", "host", "app", "status"),
    [
        ("eu", "track.customer.io", False, 301),
        ("us", "track-eu.customer.io", False, 401),
        ("eu", "api.customer.io", True, 401),
        ("us", "api-eu.customer.io:443", True, 401),
        ("us", "track.customer.io", False, 200),
        ("eu", "127.0.0.1:8080", False, 200),
    ],
)
def test_the_other_regions_host(region: str, host: str, app: bool, status: int) -> None:
    """Turned away, and nothing is applied; any host that is not Customer.io's is right."""
    fake = FakeWorkspace(region=region)
    headers = {"authorization": "Bearer fake-app-key"} if app else AUTHORIZED
    reply = send(fake, "GET" if app else "PUT", "/v1/workspaces" if app else U1, None if app else {}, {**headers, "host": host})
    assert reply.status == status
    assert len(fake.people) == (status == 200)
    assert reply.headers.get("location") == ("https://track-eu.customer.io" if status == 301 else None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"region": "EU"}, "region: got 'EU'; expected 'us' or 'eu'; did you mean eu?"),
        ({"region": 5}, "region: got 5; expected 'us' or 'eu'; leave it out for any"),
        ({"app_limit": 0}, "app_limit: got 0; expected a whole number of requests per second, at least 1; try 10"),
        ({"remember": 0}, "remember: got 0; expected a whole number of events, at least 1, or None for all; try 100_000"),
        (
            {"processing_lag": "2"},
            "processing_lag: got '2', expected a duration of at least 0 such as 60 (seconds), '500ms' or '1m30s'; did you mean '2s'?",
        ),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="expected") as caught:
        FakeWorkspace(**options)
    assert str(caught.value) == message
