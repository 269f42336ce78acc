"""Every operation of the Track API's version 1: what is sent for it, and what is refused before it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.api import Auth, Operation
from pytest_cio_load.errors import InvalidOperation

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SECRET = "very-secret-value"
WHEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
AT = 1700000000
PERSON = "/api/v1/customers/u%2F1"
MERGED = {"primary": {"id": "a"}, "secondary": {"email": "b@example.com"}}
METRIC = {"delivery_id": "d", "metric": "clicked", "timestamp": AT, "recipient": "a@example.com", "reason": "r", "href": "https://x"}
PUSH = {"delivery_id": "d", "event": "opened", "device_id": "t", "timestamp": AT}
DEVICE = {"device": {"id": "tok", "platform": "ios", "last_used": AT, "attributes": {"v": "1"}}}

SENT: list[tuple[Callable[[], Operation], str, str, object, tuple[str, ...]]] = [
    (partial(api.identify, "u/1", {"n": 1}), "PUT", PERSON, {"n": 1}, ("u/1",)),
    (partial(api.delete, "u/1"), "DELETE", PERSON, None, ("u/1",)),
    (partial(api.suppress, "u/1"), "POST", PERSON + "/suppress", None, ("u/1",)),
    (partial(api.unsuppress, "u/1"), "POST", PERSON + "/unsuppress", None, ("u/1",)),
    (partial(api.merge_customers, "id", "a", "email", "b@example.com"), "POST", "/api/v1/merge_customers", MERGED, ("a", "b@example.com")),
    (partial(api.track, "u/1", "e", id=ULID), "POST", PERSON + "/events", {"name": "e", "id": ULID}, ("u/1",)),
    (
        partial(api.page, "u/1", "https://x/y", {"a": 1}, id=ULID, timestamp=WHEN),
        "POST",
        PERSON + "/events",
        {"name": "https://x/y", "id": ULID, "type": "page", "timestamp": AT, "data": {"a": 1}},
        ("u/1",),
    ),
    (
        partial(api.screen, "u/1", "home", id=ULID),
        "POST",
        PERSON + "/events",
        {"name": "home", "id": ULID, "type": "screen"},
        ("u/1",),
    ),
    (
        partial(api.track_anonymous, "anon", "e", {"a": 1}, id=ULID),
        "POST",
        "/api/v1/events",
        {"name": "e", "id": ULID, "anonymous_id": "anon", "data": {"a": 1}},
        ("anon",),
    ),
    (
        partial(api.track_anonymous, None, "invite", {"recipient": "x@example.com"}, id=ULID),
        "POST",
        "/api/v1/events",
        {"name": "invite", "id": ULID, "data": {"recipient": "x@example.com"}},
        ("x@example.com",),
    ),
    (partial(api.add_device, "u/1", "tok", "ios", last_used=AT, attributes={"v": "1"}), "PUT", PERSON + "/devices", DEVICE, ("u/1",)),
    (partial(api.delete_device, "u/1", "t/o+k"), "DELETE", PERSON + "/devices/t%2Fo%2Bk", None, ("u/1",)),
    (
        partial(api.add_customers_to_segment, 7, ["a", "b"]),
        "POST",
        "/api/v1/segments/7/add_customers?id_type=id",
        {"ids": ["a", "b"]},
        (),
    ),
    (
        partial(api.remove_customers_from_segment, 7, ("a@example.com",), id_type="email"),
        "POST",
        "/api/v1/segments/7/remove_customers?id_type=email",
        {"ids": ["a@example.com"]},
        (),
    ),
    (
        partial(api.submit_form, "form 1", {"email": "a@example.com", "x": "y"}),
        "POST",
        "/api/v1/forms/form%201/submit",
        {"data": {"email": "a@example.com", "x": "y"}},
        ("a@example.com",),
    ),
    (
        partial(api.report_metric, "d", "clicked", timestamp=WHEN, recipient="a@example.com", reason="r", href="https://x"),
        "POST",
        "/api/v1/metrics",
        METRIC,
        (),
    ),
    (partial(api.report_push, "d", "opened", "t", timestamp=AT), "POST", "/api/v1/push/events", PUSH, ()),
    (partial(api.unsubscribe, "d/1"), "POST", "/unsubscribe/d%2F1", {"unsubscribe": True}, ()),
    (api.account_region, "GET", "/api/v1/accounts/region", None, ()),
    (api.auth, "GET", "/auth", None, ()),
]


@pytest.mark.parametrize(("build", "method", "path", "body", "people"), SENT)
def test_what_is_sent(build: Callable[[], Operation], method: str, path: str, body: object, people: tuple[str, ...]) -> None:
    """Method, path, body, and whom it is about, as Customer.io documents them."""
    operation = build()
    assert (operation.method, operation.path, operation.people) == (method, path, people)
    assert (None if operation.body is None else json.loads(operation.body)) == body


@pytest.mark.parametrize(
    ("build", "repeatable", "auth"),
    [
        (partial(api.report_metric, "d", "opened"), False, Auth.NONE),
        (partial(api.report_push, "d", "opened", "t"), False, Auth.NONE),
        (partial(api.unsubscribe, "d"), True, Auth.NONE),
        (partial(api.submit_form, "f", {"id": "u"}), False, Auth.BASIC),
        (partial(api.page, "u", "p"), True, Auth.BASIC),
        (partial(api.track_anonymous, "a", "e"), True, Auth.BASIC),
        (partial(api.suppress, "u"), True, Auth.BASIC),
        (partial(api.merge_customers, "id", "a", "id", "b"), True, Auth.BASIC),
    ],
)
def test_what_may_be_sent_again_and_needs_no_credentials(build: Callable[[], Operation], repeatable: bool, auth: Auth) -> None:
    """Only what has an id to be known by, or comes to the same, is sent twice."""
    operation = build()
    assert (operation.repeatable, operation.auth) == (repeatable, auth)


@pytest.mark.parametrize("build", [api.track, api.page, api.screen, api.track_anonymous])
def test_every_kind_of_event_gets_a_ulid(build: Callable[..., Operation]) -> None:
    """From the maker it was given."""
    body = build("u", "e", new_id=lambda: ULID).body
    assert json.loads(body or b"")["id"] == ULID


def test_a_cio_id_is_merged_by_its_bare_value() -> None:
    """A path says ``cio_``; a body does not."""
    operation = api.merge_customers("cio_id", "cio_03000001", "cio_id", "03000002")
    assert json.loads(operation.body or b"") == {"primary": {"cio_id": "03000001"}, "secondary": {"cio_id": "03000002"}}
    assert operation.people == ("cio_03000001", "cio_03000002")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(api.suppress, ""), "suppress: id attribute cannot be an empty string"),
        (partial(api.unsuppress, None), "unsuppress: id attribute must be present"),
        (partial(api.page, "u", " "), "page: event name must not be blank: got blank text; name the event"),
        (partial(api.screen, "u", "s" * 101), "screen: event name cannot be longer than 100 bytes: got 101 bytes; shorten it by 1"),
        (partial(api.page, "u", "p", id=SECRET), "page: id: got text that is no ULID"),
        (partial(api.screen, "u", "s", timestamp="now"), "screen: timestamp: got str; expected whole unix seconds or a datetime"),
        (partial(api.track_anonymous, "", "e"), "track_anonymous: anonymous_id: got blank text; expected the anonymous_id; pass it"),
        (
            partial(api.track_anonymous, None, "e"),
            "track_anonymous: anonymous_id: got None and no recipient; expected one of them; pass data={'recipient': …} to invite somebody",
        ),
        (partial(api.track_anonymous, None, "e", [SECRET]), "track_anonymous: event data must be a hash: got list; pass a dict"),
        (partial(api.add_device, "u", "", "ios"), "add_device: device_id: got blank text; expected the device_id; pass it"),
        (partial(api.add_device, "u", 5, "ios"), "add_device: device_id: got int; expected str; write str(...)"),
        (partial(api.add_device, "u", "t", "io"), "add_device: platform: got 'io'; expected ios, android; did you mean ios?"),
        (partial(api.add_device, "u", "t", None), "add_device: platform: got NoneType; expected ios, android; try 'ios'"),
        (partial(api.add_device, "u", "t", "ios", attributes={"a": float("nan")}), "device 'device' 'attributes' 'a': got nan"),
        (
            partial(api.add_device, "u", "t", "ios", attributes={"a": "x" * 1001}),
            "add_device: value for attribute 'a' cannot be longer than 1000 bytes: got 1001 bytes; shorten it by 1",
        ),
        (partial(api.delete_device, "u", "\ud800"), "delete_device: device_id: got text with a lone surrogate; expected valid Unicode"),
        (
            partial(api.merge_customers, "phone", "1", "id", "b"),
            "merge_customers: primary_id_type: got 'phone'; expected id, email, cio_id; try 'id'",
        ),
        (partial(api.merge_customers, "id", "a", "id", ""), "merge_customers: id attribute cannot be an empty string"),
        (
            partial(api.merge_customers, "id", SECRET, "id", SECRET),
            "merge_customers: secondary_id: got the primary's; expected another person; pass who is to be merged",
        ),
        (partial(api.add_customers_to_segment, "7", ["a"]), "add_customers_to_segment: segment_id: got str; expected the number"),
        (partial(api.add_customers_to_segment, -1, ["a"]), "add_customers_to_segment: segment_id: got -1; expected the number"),
        (partial(api.add_customers_to_segment, 7, SECRET), "ids: got str; expected several people; write [identifier]"),
        (partial(api.add_customers_to_segment, 7, []), "add_customers_to_segment: ids: got 0; expected 1 to 1000; pass some"),
        (
            partial(api.remove_customers_from_segment, 7, ["a"] * 1001),
            "remove_customers_from_segment: ids: got 1001; expected 1 to 1000; send the last 1 in a second call",
        ),
        (partial(api.remove_customers_from_segment, 7, [5]), "id attribute must be a string value: got int"),
        (partial(api.add_customers_to_segment, 7, ["a"], id_type="ids"), "id_type: got 'ids'; expected id, email, cio_id; did you"),
        (partial(api.submit_form, "", {"id": "u"}), "submit_form: form_id: got blank text"),
        (partial(api.submit_form, "f", [SECRET]), "submit_form: data: got list; expected a dict; write {'email': …}"),
        (partial(api.submit_form, "f", {"x": SECRET}), "data: got neither id nor email; expected exactly one of them; add one"),
        (
            partial(api.submit_form, "f", {"id": "u", "email": SECRET}),
            "data: got both id and email; expected exactly one of",
        ),
        (partial(api.submit_form, "f", {"id": "u", "a": {SECRET}}), "submit_form: form 'data' 'a': got set; expected str"),
        (partial(api.submit_form, "f", {"id": "u", "a": "x" * 1001}), "value for attribute 'a' cannot be longer than 1000 bytes"),
        (partial(api.report_metric, "", "opened"), "report_metric: delivery_id: got blank text; expected the delivery_id; pass it"),
        (partial(api.report_metric, "d", None), "report_metric: metric: got NoneType; expected str; write str(...)"),
        (partial(api.report_push, "d", "open", "t"), "event: got 'open'; expected opened, converted, delivered; did you mean opened?"),
        (partial(api.unsubscribe, " "), "unsubscribe: delivery_id: got blank text"),
    ],
)
def test_what_is_refused(build: Callable[[], Operation], message: str) -> None:
    """Each with what was got, what was expected and the nearest fix; never with a value."""
    with pytest.raises(InvalidOperation) as caught:
        build()
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


@given(st.text(min_size=1, max_size=36).filter(lambda text: text.strip()))
def test_a_device_comes_back_from_its_path(device: str) -> None:
    """One segment, and in it the device's id."""
    path = api.delete_device("u", device).path
    assert path.count("/") == 6
    assert unquote(path.rpartition("/")[2]) == device


def test_no_operation_shows_whom_it_is_about() -> None:
    """Every repr is a name, a method and whether it may be repeated."""
    for build, *_ in SENT:
        operation = build()
        assert repr(operation) == f"Operation(name={operation.name!r}, method={operation.method!r}, repeatable={operation.repeatable})"
