"""Jobs on the wire: what goes in comes out, what others put there is read."""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.limits import is_ulid
from pytest_cio_load.customerio.operations import deliveries, devices, entities, events, forms, people, segments
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.engines.engine import Delivery, Parcel
from pytest_cio_load.pipeline.jobs import Job, NotAJob, parcel, read

ID = "01HF7YAT000000000000000001"
OTHER = "01HF7YAT000000000000000002"
SECRET = "hidden-from-everybody"
OURS = {"v": 1, "userId": "u1", "method": "POST"}
PERSON = {"type": "person", "identifiers": {"id": "u/1"}}

OPERATIONS = [
    people.identify("u/1 é?#", {"email": "a@b.c", "n": 1.5, "nested": {"ü": [None, True]}}),
    people.delete("cio_abc"),
    people.suppress(".."),
    people.unsuppress("a@b.c"),
    people.merge_customers("id", "one", "email", "two@b.c"),
    people.merge_customers("cio_id", "one", "id", "two"),
    events.track("u1", "bought", {"a": "\u2028\U0001f600"}, id=ID, timestamp=1_700_000_000),
    events.track("u1", "bought"),
    events.page("u1", "https://example.com/?a=b", {"x": 1}),
    events.screen("u1", "start"),
    events.track_anonymous("anon", "seen", {"a": 1}),
    events.track_anonymous(None, "invited", {"recipient": "a@b.c"}),
    devices.add_device("u1", "token/1", "ios", last_used=5, attributes={"a": 1}),
    devices.delete_device("u1", "token/1 ü"),
    segments.add_customers_to_segment(7, ["a", "b"]),
    segments.remove_customers_from_segment(7, ["a@b.c"], id_type="email"),
    deliveries.report_metric("delivery", "opened", timestamp=5, recipient="a@b.c"),
    deliveries.report_push("delivery", "opened", "device"),
    deliveries.unsubscribe("a/b=="),
    forms.submit_form("form 1", {"email": "a@b.c", "x": "y"}),
    entities.entity({**PERSON, "action": "identify", "attributes": {"a": 1}}),
    entities.entity({**PERSON, "action": "event", "name": "bought", "id": ID}),
    entities.entity({"type": "person", "action": "merge", "primary": {"id": "a"}, "secondary": {"cio_id": "b"}}),
    entities.entity({"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "acme"}}),
    entities.entity({"type": "delivery", "action": "event", "identifiers": {"id": "d"}, "name": "opened"}),
    entities.entity(people.identify("a@b.c", {"a": 1})),
]


def packed(operation: Operation, **how: Any) -> Parcel:
    return parcel(operation, **({"id": OTHER, "enqueued_at": 1_700_000_000.5} | how))


def taken(data: object, name: str = "track", **how: Any) -> Delivery:
    """A job as it was taken: *data* is its JSON, or what is written as such."""
    return Delivery("7", name, data if isinstance(data, str) else json.dumps(data), **({"enqueued_at": 1_700_000_000.0} | how))


def back(made: Parcel) -> Job:
    return read(Delivery(made.id, made.name, made.data, enqueued_at=made.enqueued_at))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_there_and_back(operation: Operation) -> None:
    """Nothing of an operation is lost or changed on the way."""
    found = back(packed(operation)).operation
    assert (found.name, found.method, found.path) == (operation.name, operation.method, operation.path)
    assert (found.repeatable, found.auth, found.host, found.people) == (
        operation.repeatable,
        operation.auth,
        operation.host,
        operation.people,
    )
    assert (found.body and json.loads(found.body)) == (operation.body and json.loads(operation.body))


def _functions(module: ModuleType) -> set[str]:
    """The names of the functions of a module that make operations."""
    made = [each for _, each in inspect.getmembers(module, inspect.isfunction) if each.__module__ == module.__name__]
    return {each.__name__ for each in made if each.__annotations__.get("return") == "Operation" and not each.__name__.startswith("_")}


def test_every_operation_travels() -> None:
    """All that change a workspace are in the table above."""
    modules = (people, events, devices, segments, deliveries, forms, entities)
    everything = set().union(*map(_functions, modules)) - {"batch", "joined"}
    assert {operation.name for operation in OPERATIONS} == everything


@pytest.mark.parametrize(
    ("operation", "keys"),
    [
        (people.identify("u1", {}), ("u1",)),
        (people.merge_customers("id", "a", "id", "b"), ("a", "b")),
        (entities.entity({"type": "person", "action": "merge", "primary": {"id": "a"}, "secondary": {"email": "a"}}), ("a",)),
        (deliveries.unsubscribe("d"), ()),
        (
            entities.entity({"type": "delivery", "action": "event", "identifiers": {"id": "d"}, "name": "opened"}),
            ('["delivery", {"id": "d"}]',),
        ),
    ],
)
def test_whom_it_is_about(operation: Operation, keys: tuple[str, ...]) -> None:
    """Each person once; an object or a message is a key too; the first key decides where a job is kept."""
    made = packed(operation)
    assert back(made).keys == keys
    assert made.key == next(iter(keys), "")


@pytest.mark.parametrize(
    ("operation", "id"),
    [
        (events.track("u1", "bought", id=ID), ID),
        (events.track_anonymous("a", "bought", id=ID), ID),
        (entities.entity({**PERSON, "action": "event", "name": "bought", "id": ID}), ID),
        (people.identify("u1", {"id": ID}), OTHER),
        (entities.entity({**PERSON, "action": "identify", "id": ID}), OTHER),
        (people.delete("u1"), OTHER),
    ],
)
def test_the_id_of_a_job(operation: Operation, id: str) -> None:
    """An event's own ULID, so that it is stored once; anything else may be asked for again, whatever is in it."""
    assert packed(operation).id == id


def test_the_form_on_the_wire() -> None:
    """What Node's side of the original design reads is where it looks for it."""
    made = packed(people.merge_customers("id", "é", "id", "b"), delay=2.5, priority=3)
    assert (made.name, made.delay, made.priority, made.enqueued_at) == ("merge_customers", 2.5, 3, 1_700_000_000.5)
    assert made.data == (
        '{"v":1,"id":"01HF7YAT000000000000000002","enqueuedAt":1700000000500,"userId":"é","people":["é","b"],'
        '"data":{"primary":{"id":"é"},"secondary":{"id":"b"}},"method":"POST","path":"/api/v1/merge_customers"}'
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(st.text(min_size=1, max_size=30), st.dictionaries(st.text(max_size=20), values, max_size=6))
def test_any_attributes_travel(person: str, attributes: dict[str, Any]) -> None:
    """Whatever JSON and whichever name, as far as the operation can be made at all."""
    try:
        operation = people.identify(person, attributes)
    except InvalidOperation:
        return
    found = back(packed(operation))
    assert (found.operation, found.keys) == (operation, (person,))


@given(values, st.sampled_from(["identify", "track", "entity", "add_device", "report_push", "nonsense", ""]))
def test_nothing_else_than_a_refusal(data: object, name: str) -> None:
    """Whatever is in a queue, it is a job or a dead letter: no worker ends because of it."""
    for content in (data, {"userId": "u", "data": data}, {"v": 1, "data": data, "method": "PUT", "path": "/api/v1/customers/u"}):
        with suppress(NotAJob):
            read(taken(content, name))


@pytest.mark.parametrize(
    ("name", "data", "like"),
    [
        ("identify", {"email": "a@b.c"}, people.identify("u1", {"email": "a@b.c"})),
        ("identify", None, people.identify("u1", {})),
        ("delete", None, people.delete("u1")),
        ("suppress", {}, people.suppress("u1")),
        ("unsuppress", {}, people.unsuppress("u1")),
        ("track", {"name": "n", "data": {"a": 1}, "id": ID, "timestamp": 5}, events.track("u1", "n", {"a": 1}, id=ID, timestamp=5)),
        ("page", {"name": "n", "id": ID}, events.page("u1", "n", id=ID)),
        ("screen", {"name": "n", "id": ID}, events.screen("u1", "n", id=ID)),
        ("add_device", {"id": "t", "platform": "ios"}, devices.add_device("u1", "t", "ios")),
        ("add_device", {"device": {"id": "t", "platform": "ios", "last_used": 5}}, devices.add_device("u1", "t", "ios", last_used=5)),
    ],
)
def test_jobs_of_the_original_design(name: str, data: object, like: Operation) -> None:
    """``{userId, data, enqueuedAt}``, with the operation as the job's name."""
    assert read(taken({"userId": "u1", "data": data, "enqueuedAt": 1_700_000_000_000}, name)).operation == like


def test_a_number_names_a_person() -> None:
    """Node's side has ids that are numbers."""
    assert read(taken({"userId": 17, "data": {}}, "identify")).keys == ("17",)


def test_an_entity_as_a_job() -> None:
    """An operation of version 2 needs no other form; the job's name does not matter."""
    item = {**PERSON, "action": "event", "name": "bought", "id": ID, "attributes": {"a": 1}}
    found = read(taken(item, "whatever"))
    assert found.operation == entities.entity(item)
    assert found.keys == ("u/1",)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("track", {"userId": "u1", "data": {"name": "n"}}),
        ("page", {"userId": "u1", "data": {"name": "n"}}),
        ("entity", {**PERSON, "action": "event", "name": "n"}),
        ("track", {**OURS, "path": "/api/v1/customers/u1/events", "data": {"name": "n"}}),
        ("entity", {**OURS, "path": "/api/v2/entity", "data": {**PERSON, "action": "event", "name": "n"}}),
    ],
)
def test_an_event_without_a_ulid(name: str, data: object) -> None:
    """It gets one, the same whenever it is read, and another job another one."""
    first, again, other = (json.loads(read(taken(data, name, attempts=tries)).operation.body or b"")["id"] for tries in (0, 1, 2))
    assert is_ulid(first)
    assert first == again == other
    of_another = read(Delivery("8", name, json.dumps(data), enqueued_at=1_700_000_000.0)).operation.body or b""
    assert json.loads(of_another)["id"] != first


def test_nothing_is_shown() -> None:
    """Neither a parcel nor a delivery nor a job shows attributes, keys or paths."""
    made = packed(people.identify("somebody", {"a": SECRET}))
    shown = repr(made) + repr(back(made))
    assert SECRET not in shown
    assert "somebody" not in shown
