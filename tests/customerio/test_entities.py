"""Version 2 of the Track API: operations of version 1 in its form, its own operations, and batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.limits import is_ulid
from pytest_cio_load.customerio.operations.items import entity_of, identifiers_of, item_of
from pytest_cio_load.errors import InvalidOperation

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SECRET = "very-secret-value"
LINK = {"identifiers": {"object_type_id": "1", "object_id": "acme"}}
BY_ID = {"type": "person", "identifiers": {"id": "u1"}}


@pytest.mark.parametrize(
    ("operation", "item"),
    [
        (api.identify("u1", {"plan": "pro"}), {**BY_ID, "action": "identify", "attributes": {"plan": "pro"}}),
        (api.identify("u1", {"_timestamp": 5, "a": 1}), {**BY_ID, "action": "identify", "attributes": {"a": 1}, "timestamp": 5}),
        (
            api.identify("u1", {"cio_relationships": {"action": "add_relationships", "relationships": [LINK]}}),
            {**BY_ID, "action": "identify", "attributes": {}, "cio_relationships": [LINK]},
        ),
        (
            api.track("a@example.com", "e", {"n": 1}, id=ULID, timestamp=9),
            {
                "type": "person",
                "action": "event",
                "identifiers": {"email": "a@example.com"},
                "name": "e",
                "id": ULID,
                "timestamp": 9,
                "attributes": {"n": 1},
            },
        ),
        (api.page("u1", "/x", id=ULID), {**BY_ID, "action": "page", "name": "/x", "id": ULID, "attributes": {}}),
        (api.screen("u1", "x", id=ULID), {**BY_ID, "action": "screen", "name": "x", "id": ULID, "attributes": {}}),
        (
            api.add_device("u1", "t", "ios", last_used=3),
            {**BY_ID, "action": "add_device", "device": {"token": "t", "platform": "ios", "last_used": 3}},
        ),
        (api.delete_device("u1", "a/b"), {**BY_ID, "action": "delete_device", "device": {"token": "a/b"}}),
        (api.delete("cio_03"), {"type": "person", "action": "delete", "identifiers": {"cio_id": "03"}}),
        (api.suppress("u1"), {**BY_ID, "action": "suppress"}),
        (api.unsuppress("u1"), {**BY_ID, "action": "unsuppress"}),
        (
            api.merge_customers("id", "a", "id", "b"),
            {"type": "person", "action": "merge", "primary": {"id": "a"}, "secondary": {"id": "b"}},
        ),
        (
            api.report_push("d", "opened", "t", timestamp=4),
            {
                "type": "delivery",
                "action": "event",
                "identifiers": {"id": "d"},
                "name": "opened",
                "timestamp": 4,
                "attributes": {"device_token": "t"},
            },
        ),
    ],
)
def test_operations_of_version_1_in_the_form_of_version_2(operation: api.Operation, item: dict[str, Any]) -> None:
    """``data`` becomes attributes, a device's ``id`` its token, and the person is named by kind."""
    assert entity_of(operation) == item
    assert json.loads(item_of(operation).body) == item
    assert json.loads(api.entity(operation).body or b"") == item


@pytest.mark.parametrize(
    "operation",
    [
        api.track_anonymous("a", "e"),
        api.submit_form("f", {"id": SECRET}),
        api.add_customers_to_segment(1, [SECRET]),
        api.report_metric("d", "opened"),
        api.unsubscribe("d"),
        api.account_region(),
    ],
)
def test_operations_without_a_form_in_version_2(operation: api.Operation) -> None:
    """They are refused by name, with what to do instead."""
    with pytest.raises(InvalidOperation) as caught:
        item_of(operation)
    assert str(caught.value).startswith(f"{operation.name}: got an operation without a form in a batch; expected identify, track, page")
    assert str(caught.value).endswith("; send it alone")
    assert SECRET not in str(caught.value)


def test_relationships_cannot_be_deleted_by_identify_in_version_2() -> None:
    """It would add them."""
    operation = api.identify("u", {"cio_relationships": {"action": "delete_relationships", "relationships": [LINK]}})
    with pytest.raises(InvalidOperation, match="got no relationships to add; expected a list of them; send delete_rel"):
        item_of(operation)


@given(st.text(min_size=1, max_size=36))
def test_a_person_is_named_by_exactly_one_kind(identifier: str) -> None:
    """And by what the path said, but for the prefix of a cio_id."""
    ((kind, value),) = identifiers_of(identifier).items()
    assert (f"cio_{value}" if kind == "cio_id" else value) == identifier


@pytest.mark.parametrize(
    ("given_", "people"),
    [
        ({"type": "person", "action": "identify", "identifiers": {"id": "u"}, "attributes": {"a": 1}}, ("u",)),
        ({"type": "person", "action": "delete", "identifiers": {"cio_id": "cio_03"}}, ("cio_03",)),
        ({"type": "person", "action": "merge", "primary": {"id": "a"}, "secondary": {"email": "b@x"}}, ("a", "b@x")),
        ({"type": "person", "action": "add_relationships", "identifiers": {"id": "u"}, "cio_relationships": [LINK]}, ("u",)),
        ({"type": "object", "action": "identify", "identifiers": LINK["identifiers"], "attributes": {"n": "x"}}, ()),
        ({"type": "delivery", "action": "event", "identifiers": {"id": "d"}, "name": "opened"}, ()),
    ],
)
def test_an_operation_of_version_2_is_sent_as_it_is(given_: dict[str, Any], people: tuple[str, ...]) -> None:
    """To one path, whatever it is about."""
    operation = api.entity(given_)
    assert (operation.name, operation.method, operation.path, operation.people) == ("entity", "POST", "/api/v2/entity", people)
    assert json.loads(operation.body or b"") == given_
    assert operation.repeatable is (given_["type"] != "delivery")


@pytest.mark.parametrize("action", ["event", "page", "screen"])
def test_an_event_of_version_2_gets_a_ulid(action: str) -> None:
    """So that it can be sent again."""
    operation = api.entity({**BY_ID, "action": action, "name": "e"})
    assert is_ulid(json.loads(operation.body or b"")["id"])
    assert operation.repeatable


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ([SECRET], "entity: got list; expected an operation or a dict; write {'type': 'person', …}"),
        ({}, "type: got NoneType; expected person, object, delivery; try 'person'"),
        ({"type": "persn"}, "type: got 'persn'; expected person, object, delivery; did you mean person?"),
        ({**BY_ID, "action": "identfy"}, "action: got 'identfy'; expected identify, event, page"),
        ({"type": "object", "action": "event"}, "action: got 'event'; expected identify, delete; try 'identify'"),
        ({"type": "person", "action": "delete"}, "identifiers: got NoneType; expected exactly one of id, email, phone, cio_id; write"),
        ({"type": "person", "action": "delete", "identifiers": {"id": "a", "email": SECRET}}, "identifiers: got 2 of them; expected"),
        ({"type": "person", "action": "delete", "identifiers": {"ids": "a"}}, "identifiers: got 'ids'; expected id, email, phone, cio_id"),
        ({"type": "person", "action": "delete", "identifiers": {"id": ""}}, "id attribute cannot be an empty string"),
        ({"type": "person", "action": "merge", "primary": {"id": "a"}}, "secondary: got NoneType; expected exactly one of"),
        ({"type": "object", "action": "delete", "identifiers": {"object_id": "x"}}, "identifiers: got 1 of them; expected object"),
        ({"type": "delivery", "action": "event", "identifiers": {"id": "d"}, "name": "open"}, "name: got 'open'; expected opened"),
        ({**BY_ID, "action": "event", "name": ""}, "event name must not be blank"),
        ({**BY_ID, "action": "event", "name": "e", "id": SECRET}, "id: got text that is no ULID"),
        ({**BY_ID, "action": "event", "name": "e", "attributes": [SECRET]}, "attributes: got list; expected a dict; pass one"),
        ({**BY_ID, "action": "add_device", "device": {}}, "device token: got NoneType; expected str"),
        ({**BY_ID, "action": "identify", "attributes": {"a": float("nan")}}, "entity 'attributes' 'a': got nan, which JSON cannot hold"),
        ({**BY_ID, "action": "identify", "attributes": {"a": "x" * 1001}}, "value for attribute 'a' cannot be longer than 1000 bytes"),
        (
            {**BY_ID, "action": "event", "name": "e", "attributes": {"a": "x" * 32_000}},
            "operation cannot be larger than 32000 bytes: got",
        ),
    ],
)
def test_what_is_refused(given_: object, message: str) -> None:
    """Each with what was got, what was expected and the nearest fix; never with a value."""
    with pytest.raises(InvalidOperation) as caught:
        api.entity(given_)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_large_event_fits_alone_and_not_in_a_batch() -> None:
    """Version 1 takes 100,000 bytes of data, version 2 takes 32,000 of everything."""
    large = api.track("u", "e", {"a": "x" * 32_000})
    with pytest.raises(InvalidOperation, match=r"operation in a batch cannot be larger than 32000 bytes: got 32\d+ bytes; send it alone"):
        item_of(large)


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_of_an_item_is_exact(over: int) -> None:
    """32,000 bytes are taken, 32,001 are not."""
    room = 32_000 - len(item_of(api.track("u", "e", {"a": ""})).body)
    large = api.track("u", "e", {"a": "x" * (room + over)})
    if over:
        with pytest.raises(InvalidOperation, match="got 32001 bytes"):
            item_of(large)
    else:
        assert len(item_of(large).body) == 32_000


def test_a_batch_holds_operations_of_both_versions_in_order() -> None:
    """One request, which may be repeated since all of it may be."""
    operation = api.batch([api.identify("u1", {}), {**BY_ID, "action": "event", "name": "e"}, api.delete("u2")])
    assert (operation.name, operation.path, operation.repeatable) == ("batch", "/api/v2/batch", True)
    assert [item["action"] for item in json.loads(operation.body or b"")["batch"]] == ["identify", "event", "delete"]
    assert operation.people == ("u1", "u2")


def test_a_batch_is_repeatable_only_if_all_of_it_is() -> None:
    """A report of a push message has nothing to be known by."""
    assert not api.batch([api.delete("u"), api.report_push("d", "opened", "t")]).repeatable


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(api.batch, []), "batch: got no operation; expected at least one; leave the call out"),
        (partial(api.batch, api.delete("u")), "batch: got one Operation; expected several operations; write [operation]"),
        (partial(api.batch, {"type": SECRET}), "batch: got one dict; expected several operations; write [operation]"),
        (partial(api.batch, [api.unsubscribe("d")]), "unsubscribe: got an operation without a form in a batch"),
        (
            partial(api.batch, [api.track("u", "e", {"a": "x" * 31_000})] * 17),
            "batch: batch cannot be larger than 500000 bytes: got 52",
        ),
    ],
)
def test_a_bad_batch_is_refused(build: Callable[[], api.Operation], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidOperation) as caught:
        build()
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
