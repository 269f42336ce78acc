"""Regions, workspaces and operations: what is asked of Customer.io, and what is refused before it is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.api import CUSTOMERS, Region, Ulids, Workspace, delete, identify, person_path, track
from pytest_cio_load.customerio.limits import is_ulid
from pytest_cio_load.errors import InvalidOperation

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SECRET = "very-secret-value"


def test_identify_puts_the_attributes_as_compact_json() -> None:
    """An identify is a PUT of flat attributes."""
    operation = identify("u1", {"email": "ü@example.com", "plan": None, "n": 1.5})
    assert (operation.name, operation.method, operation.path) == ("identify", "PUT", "/api/v1/customers/u1")
    assert operation.body == '{"email":"ü@example.com","plan":null,"n":1.5}'.encode()
    assert operation.repeatable


def test_track_posts_an_event_with_a_ulid() -> None:
    """An event carries the ULID it was given, its data and its timestamp."""
    operation = track("u1", "bought", {"price": 3}, id=ULID, timestamp=1700000000)
    assert (operation.name, operation.method, operation.path) == ("track", "POST", "/api/v1/customers/u1/events")
    assert json.loads(operation.body or b"") == {"name": "bought", "id": ULID, "timestamp": 1700000000, "data": {"price": 3}}
    assert operation.repeatable


def test_track_makes_a_ulid_and_leaves_out_what_was_not_given() -> None:
    """Without an id an event gets one; no data and no timestamp are sent when there are none."""
    event = json.loads(track("u1", "bought").body or b"")
    assert set(event) == {"name", "id"}
    assert is_ulid(event["id"])


def test_delete_has_no_body() -> None:
    """A delete is a bare DELETE."""
    operation = delete("u1")
    assert (operation.name, operation.method, operation.path, operation.body) == ("delete", "DELETE", "/api/v1/customers/u1", None)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC), 1767323045),
        (datetime(2026, 1, 2, 3, 4, 5), 1767323045),
        (datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))), 1767323045),
    ],
)
def test_datetimes_become_whole_unix_seconds(moment: datetime, seconds: int) -> None:
    """With a zone or without one (which means UTC), at any depth and as a timestamp."""
    assert json.loads(identify("u", {"a": moment, "b": [{"c": moment}]}).body or b"") == {"a": seconds, "b": [{"c": seconds}]}
    assert json.loads(track("u", "e", timestamp=moment).body or b"")["timestamp"] == seconds


@given(st.text(min_size=1, max_size=36))
def test_any_identifier_comes_back_from_its_path(identifier: str) -> None:
    """A reader of percent-encoding finds one path segment, and in it the identifier."""
    path = person_path(identifier)
    assert path.startswith(CUSTOMERS)
    segment = path.removeprefix(CUSTOMERS)
    assert segment.isascii()
    assert not set(segment) & set("/?# ")
    assert segment not in (".", "..")
    assert unquote(segment) == identifier


def test_ulids_are_deterministic_under_a_seed() -> None:
    """The same seed at the same times makes the same ids."""
    made = [[ulids() for _ in range(3)] for ulids in (Ulids(Random(7), lambda: 1.5), Ulids(Random(7), lambda: 1.5))]
    assert made[0] == made[1]
    assert len(set(made[0])) == 3


@given(st.floats(0, 2**47 / 1000), st.integers())
def test_ulids_are_ulids_and_sort_by_time(seconds: float, seed: int) -> None:
    """26 characters of base 32 whose first ten are the time."""
    early, late = Ulids(Random(seed), lambda: seconds)(), Ulids(Random(seed), lambda: seconds + 0.002)()
    assert is_ulid(early)
    assert early[:10] < late[:10]


def test_ulid_of_a_known_time() -> None:
    """The time of the ULID specification's example gives the example's first ten characters."""
    assert Ulids(Random(0), lambda: 1469918176.385)()[:10] == "01ARYZ6S41"


@pytest.mark.parametrize("text", ["", ULID[:-1], ULID + "0", "8" + ULID[1:], ULID[:-1] + "U", 5, None])
def test_what_is_no_ulid(text: object) -> None:
    """Wrong lengths, wrong letters, more than 128 bits, no text."""
    assert not is_ulid(text)


LONG = "x" * 1001
BAD_IDENTIFIERS = [
    (None, "id attribute must be present: got None; pass an id, an email or 'cio_' and a cio_id"),
    (5, "id attribute must be a string value: got int; write str(identifier)"),
    ("", "id attribute cannot be an empty string: got an empty string; pass an id"),
    ("é" * 76, "id attribute cannot be longer than 150 bytes: got 152 bytes; shorten it by 2"),
    ("\ud800", "identifier: got text with a lone surrogate; expected valid Unicode; decode the bytes"),
]


@pytest.mark.parametrize(("identifier", "message"), BAD_IDENTIFIERS)
@pytest.mark.parametrize("build", [lambda who: identify(who, {}), lambda who: track(who, "e"), delete])
def test_bad_identifiers_are_refused(build: object, identifier: object, message: str) -> None:
    """Every operation checks whom it is about."""
    with pytest.raises(InvalidOperation) as caught:
        build(identifier)  # type: ignore[operator]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"id": ""}, "id attribute cannot be an empty string"),
        ({"id": 7}, "id attribute must be a string value: got int"),
        ({f"a{n}": n for n in range(302)}, "cannot identify more than 300 attributes in one request: got 302; move 2 to a second identify"),
        ({"é" * 76: 1}, "attribute name cannot be longer than 150 bytes: got 152 bytes; shorten it by 2"),
        ({"bio": LONG}, "value for attribute 'bio' cannot be longer than 1000 bytes: got 1001 bytes; shorten it by 1"),
        ({"bio": ["é" * 499]}, "value for attribute 'bio' cannot be longer than 1000 bytes: got 1002 bytes; shorten it by 2"),
        ({5: "x"}, "attribute name: got int; expected str; write str(name)"),
        ({"score": float("nan")}, "attribute 'score': got nan, which JSON cannot hold; expected a finite number; leave it out"),
        ({"score": [1, float("-inf")]}, "attribute 'score'[1]: got -inf"),
        ({"a": {"b": Decimal("1.5")}}, "attribute 'a' 'b': got Decimal; expected str, number, bool, None, list, dict or"),
        ({"a": {SECRET}}, "attribute 'a': got set; expected str"),
        ({"a": SECRET.encode()}, "attribute 'a': got bytes; expected str"),
        ({"a": SECRET + "\ud800"}, "attribute 'a': got text with a lone surrogate; expected valid Unicode"),
        ({"a": {(1, 2): 3}}, "attribute 'a': got a name that has no JSON form; expected str; write str(name)"),
    ],
)
def test_bad_attributes_are_refused(attributes: dict[str, object], message: str) -> None:
    """Each with the name of the attribute, Customer.io's own words where it has some, and never the value."""
    with pytest.raises(InvalidOperation) as caught:
        identify("u1", attributes)
    assert str(caught.value).startswith(f"identify: {message}")
    assert SECRET not in str(caught.value)
    assert LONG not in str(caught.value)


@pytest.mark.parametrize(
    "attributes",
    [
        {f"a{n}": n for n in range(300)},
        {"n" * 150: "v" * 1000},
        {"cio_relationships": {"relationships": ["x" * 1200]}},
    ],
)
def test_the_limits_themselves_are_allowed(attributes: dict[str, object]) -> None:
    """300 attributes, 150 bytes of name, 1,000 bytes of value; a reserved structure is no value."""
    assert identify("x" * 150, attributes).body


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "event name must not be blank: got blank text; name the event"),
        ({"name": "  "}, "event name must not be blank: got blank text; name the event"),
        ({"name": None}, "event name must not be blank: got NoneType; name the event with text"),
        ({"name": "e" * 101}, "event name cannot be longer than 100 bytes: got 101 bytes; shorten it by 1"),
        ({"name": "e\ud800"}, "event 'name': got text with a lone surrogate"),
        ({"name": "e", "data": [SECRET]}, "event data must be a hash: got list; pass a dict"),
        ({"name": "e", "data": {"x": "y" * 100_000}}, "event data cannot be longer than 100000 bytes: got 100008 bytes; send less, or"),
        ({"name": "e", "data": {"x": float("inf")}}, "event 'data' 'x': got inf, which JSON cannot hold"),
        ({"name": "e", "id": SECRET}, "id: got text that is no ULID; expected 26 characters of base 32; leave it out and one is made"),
        ({"name": "e", "timestamp": 1.5}, "timestamp: got float; expected whole unix seconds or a datetime; write int(...)"),
        ({"name": "e", "timestamp": True}, "timestamp: got bool; expected whole unix seconds or a datetime"),
    ],
)
def test_bad_events_are_refused(arguments: dict[str, object], message: str) -> None:
    """Each with Customer.io's own words where it has some, and never the data."""
    with pytest.raises(InvalidOperation) as caught:
        track("u1", **arguments)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"track: {message}")
    assert SECRET not in str(caught.value)


def test_a_refused_operation_was_never_sent() -> None:
    """The error says so by its attempts, and is a ValueError too."""
    with pytest.raises(ValueError, match="must not be blank") as caught:
        track("u1", "")
    assert isinstance(caught.value, InvalidOperation)
    assert caught.value.attempts == 0


def test_an_operation_shows_neither_person_nor_payload() -> None:
    """Its repr is safe to log."""
    text = repr(identify("bob@example.com", {"phone": SECRET}))
    assert text == "Operation(name='identify', method='PUT', repeatable=True)"


@pytest.mark.parametrize(
    ("workspace", "url"),
    [
        (Workspace("s", "k"), "https://track.customer.io"),
        (Workspace("s", "k", Region.EU), "https://track-eu.customer.io"),
        (Workspace("s", "k", url="http://127.0.0.1:8080/"), "http://127.0.0.1:8080"),
        (Workspace("s", "k", url="http://[::1]:8080"), "http://[::1]:8080"),
    ],
)
def test_where_a_workspace_is(workspace: Workspace, url: str) -> None:
    """The region decides, unless a url is given."""
    assert workspace.base_url == url


def test_pace_is_the_limit_unless_told() -> None:
    """A workspace is paced at what it allows, or at less."""
    assert Workspace("s", "k").rate == 100
    assert Workspace("s", "k", limit=50, pace=20).rate == 20


def test_a_workspace_never_shows_its_key() -> None:
    """Nor its site id: neither in repr nor in str."""
    workspace = Workspace("a-site-id", SECRET)
    shown = repr(workspace) + str(workspace)
    assert SECRET not in shown
    assert "a-site-id" not in shown
    assert "limit=100.0" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"site_id": ""}, "site_id: got an empty one; expected text without a colon"),
        ({"site_id": "a:b"}, "site_id: got a colon in it; expected text without a colon"),
        ({"api_key": ""}, "api_key: got an empty one; expected the workspace's Track API key"),
        ({"limit": 0}, "limit: got 0; expected requests per second, more than 0; try 100"),
        ({"limit": float("nan")}, "limit: got nan; expected requests per second"),
        ({"pace": -1}, "pace: got -1; expected requests per second, more than 0; try 100"),
        ({"url": "track.customer.io"}, "url: got 'track.customer.io'; expected scheme, host and port; try 'http://127.0.0.1:8080'"),
        ({"url": "ftp://x"}, "url: got 'ftp://x'; expected scheme"),
        ({"url": "http://x:99999"}, "url: got an address that cannot be read; expected scheme"),
        ({"url": f"http://me:{SECRET}@x"}, "url: got a user name or password in it; expected scheme"),
    ],
)
def test_bad_workspaces_are_refused(arguments: dict[str, object], message: str) -> None:
    """Each with what was got, what was expected and the nearest fix; never the key."""
    with pytest.raises(ValueError, match="expected") as caught:
        Workspace(**{"site_id": "s", "api_key": SECRET, **arguments})  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
