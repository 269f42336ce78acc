"""The Track API, v2: one operation, and many with an outcome for each."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from pytest_cio_load.fake.items import BATCH_BYTES, ENTITY_BYTES
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply

AUTHORIZED = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()}
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
WHO = {"identifiers": {"id": "u1"}}
ACME = {"identifiers": {"object_type_id": "1", "object_id": "acme"}}
GOOD: dict[str, Any] = {"type": "person", "action": "identify", **WHO, "attributes": {"plan": "pro"}}


def person(action: str, **fields: Any) -> dict[str, Any]:
    return {"type": "person", "action": action, **WHO, **fields}


def entity(fake: FakeWorkspace, item: object, headers: dict[str, str] = AUTHORIZED) -> Reply:
    return fake.answer("POST", "/api/v2/entity", headers, json.dumps(item).encode(), 0.0)


def batch(fake: FakeWorkspace, items: object, headers: dict[str, str] = AUTHORIZED) -> Reply:
    return fake.answer("POST", "/api/v2/batch", headers, json.dumps({"batch": items}).encode(), 0.0)


ACCEPTED = [
    ("identify", GOOD),
    ("identify", person("identify", identifiers={"phone": "+491"})),
    ("identify", person("identify", cio_relationships=[ACME])),
    ("track", person("event", name="e", id=ULID, attributes={"n": 1}, timestamp=5)),
    ("page", person("page", name="https://example.com")),
    ("screen", person("screen", name="home")),
    ("add_device", person("add_device", device={"token": "t1", "platform": "android"})),
    ("delete_device", person("delete_device", device={"token": "t1"})),
    ("delete", person("delete")),
    ("suppress", person("suppress")),
    ("unsuppress", person("unsuppress")),
    ("add_relationships", person("add_relationships", cio_relationships=[ACME])),
    ("delete_relationships", person("delete_relationships", cio_relationships=[ACME])),
    ("identify_object", {"type": "object", "action": "identify", **ACME, "attributes": {"name": "Acme"}}),
    ("delete_object", {"type": "object", "action": "delete", **ACME}),
    ("add_relationships", {"type": "object", "action": "add_relationships", **ACME, "cio_relationships": [WHO]}),
    ("report_push", {"type": "delivery", "action": "event", "identifiers": {"id": "d1"}, "name": "opened"}),
]


@pytest.mark.parametrize(("operation", "item"), ACCEPTED)
def test_one_operation(operation: str, item: dict[str, Any]) -> None:
    """200 and an empty object, and counted under what it is; alone as in a batch."""
    for send, body in ((entity, item), (batch, [item])):
        fake = FakeWorkspace()
        fake.answer("PUT", "/api/v1/customers/u1", AUTHORIZED, b"{}", 0.0)
        before = fake.applied(operation)
        reply = send(fake, body)
        assert (reply.status, reply.body, reply.headers["status"]) == (200, b"{}\n", "200 OK")
        assert (fake.applied(operation) - before, fake.received()) == (1, 2)


REFUSED = [
    (5, "batch", "invalid", "", "operation must be a JSON object"),
    ({}, "batch", "required", "type", "type must be person, object or delivery"),
    ({"type": ["x"]}, "batch", "invalid", "type", "type must be person, object or delivery"),
    ({"type": "delivery"}, "batch", "required", "action", "action must be one of event"),
    ({"type": "object", "action": "merge"}, "batch", "invalid", "action", None),
    (person("identify", identifiers=None), "identify", "required", "identifiers", None),
    (
        person("identify", identifiers={"id": "a", "email": "a@b.c"}),
        "identify",
        "invalid",
        "identifiers",
        "identifiers must have exactly one of id, email, phone, cio_id",
    ),
    (
        person("identify", identifiers={"id": "x" * 151}),
        "identify",
        "invalid",
        "identifiers",
        "id attribute cannot be longer than 150 bytes",
    ),
    (person("identify", attributes=[1]), "identify", "invalid", "attributes", "attributes must be a hash"),
    (
        person("identify", attributes={"bio": "x" * 1001}),
        "identify",
        "invalid",
        "attributes",
        "value for attribute 'bio' cannot be longer than 1000 bytes",
    ),
    (person("event"), "track", "invalid", "name", "event name must not be blank"),
    (person("event", name="e" * 101), "track", "invalid", "name", "event name cannot be longer than 100 bytes"),
    (person("event", name="e", attributes={"x": "y" * ENTITY_BYTES}), "track", "invalid", "", "request cannot be larger than 32 kb"),
    (person("add_device", device={"platform": "ios"}), "add_device", "required", "device.token", "device token must be present"),
    (
        person("add_device", device={"token": "t", "platform": ["ios"]}),
        "add_device",
        "invalid",
        "device.platform",
        "device platform must be ios or android",
    ),
    (person("merge", primary={"id": "a"}), "merge_customers", "required", "secondary", None),
    (person("add_relationships"), "add_relationships", "required", "cio_relationships", None),
    (person("add_relationships", cio_relationships=[{}]), "add_relationships", "invalid", "cio_relationships", None),
    ({"type": "object", "action": "identify"}, "identify_object", "required", "identifiers", None),
    (
        {"type": "object", "action": "delete_relationships", **ACME, "cio_relationships": [5]},
        "delete_relationships",
        "invalid",
        "cio_relationships",
        "cio_relationships must be a list of hashes with identifiers of a person",
    ),
    ({"type": "delivery", "action": "event"}, "report_push", "required", "identifiers", "identifiers must have exactly one of id"),
    (
        {"type": "delivery", "action": "event", "identifiers": {"id": "d1"}, "name": "x"},
        "report_push",
        "invalid",
        "name",
        "name must be opened, converted or delivered",
    ),
]


@pytest.mark.parametrize(("item", "operation", "reason", "field", "message"), REFUSED)
def test_a_refused_operation(item: object, operation: str, reason: str, field: str, message: str | None) -> None:
    """Alone 400; in a batch 207 with its place, while the others are accepted."""
    fake = FakeWorkspace()
    alone, among = entity(fake, item), batch(fake, [GOOD, item, GOOD])
    (error,) = json.loads(alone.body)["errors"]
    assert (alone.status, error["reason"], error["field"]) == (400, reason, field)
    assert message in (None, error["message"])
    assert (among.status, json.loads(among.body)) == (207, {"errors": [{"batch_index": 1, **error}]})
    assert fake.applied("identify") == 2
    assert fake.rejected("entity" if operation == "batch" else operation) >= 1
    assert (fake.rejected(), fake.received()) == (2, 4)


def test_every_refused_item_has_its_place() -> None:
    """Counted from 0, in order."""
    reply = batch(FakeWorkspace(), [GOOD, 5, GOOD, {}, 6])
    assert [error["batch_index"] for error in json.loads(reply.body)["errors"]] == [1, 3, 4]


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (b"", "parse", ""),
        (b"{", "parse", ""),
        (b'{"batch":NaN}', "parse", ""),
        (b"[]", "required", "batch"),
        (b"{}", "required", "batch"),
        (b'{"batch":[]}', "required", "batch"),
        (b'{"batch":{}}', "required", "batch"),
        (b'{"batch":["' + b"x" * BATCH_BYTES + b'"]}', "invalid", "batch"),
    ],
)
def test_a_batch_that_is_refused_whole(body: bytes, reason: str, field: str) -> None:
    """400 in v2's shape; counted as one batch, rejected."""
    fake = FakeWorkspace()
    reply = fake.answer("POST", "/api/v2/batch", AUTHORIZED, body, 0.0)
    (error,) = json.loads(reply.body)["errors"]
    assert (reply.status, error["reason"], error["field"], set(error)) == (400, reason, field, {"reason", "field", "message"})
    assert fake.rejected("batch") == fake.received() == 1


@pytest.mark.parametrize(("bytes_over", "status"), [(0, 200), (1, 400)])
def test_the_size_of_one_operation(bytes_over: int, status: int) -> None:
    """32 × 1,024 bytes of body are taken, and not one more."""
    item = person("event", name="e", attributes={"x": ""})
    item["attributes"]["x"] = "y" * (ENTITY_BYTES - len(json.dumps(item)) + bytes_over)
    assert entity(FakeWorkspace(), item).status == status


def test_without_credentials_each_operation_is_rejected() -> None:
    """401; what is in the batch is counted, so that nothing is lost from the count."""
    fake = FakeWorkspace()
    assert batch(fake, [GOOD, person("event", name="e"), 5], {}).status == entity(fake, GOOD, {}).status == 401
    assert [fake.rejected(name) for name in ("identify", "track", "batch", "entity")] == [2, 1, 1, 0]
    assert (fake.received(), fake.requests) == (4, 2)


def test_a_batch_is_one_request_of_the_budget() -> None:
    """However much is in it; over the budget all of it is dropped."""
    fake = FakeWorkspace(limit=10, over_budget="drop")
    for _ in range(9):
        batch(fake, [GOOD] * 5)
    assert (fake.applied(), fake.dropped(), fake.requests) == (40, 5, 9)


def test_events_in_a_batch_are_deduplicated() -> None:
    """By ULID, within it and with what came before, in whatever case."""
    fake = FakeWorkspace()
    batch(fake, [person("event", name="e", id=ULID), person("event", name="e", id=ULID.lower()), person("event", name="e")])
    assert (fake.applied("track"), fake.duplicates("track")) == (2, 1)


def test_merge_in_a_batch() -> None:
    """After the identifies before it: order is kept."""
    fake = FakeWorkspace()
    second = {**GOOD, "identifiers": {"email": "u2@example.com"}}
    merge = {"type": "person", "action": "merge", "primary": {"id": "u1"}, "secondary": {"email": "u2@example.com"}}
    assert batch(fake, [GOOD, second, merge]).status == 200
    assert fake.people == {"u1": {"id": "u1", "plan": "pro", "email": "u2@example.com"}}
