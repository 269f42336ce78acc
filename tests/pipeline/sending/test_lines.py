"""Lines as operations: both forms, what is refused and in which words, and ids that are the same whenever a line is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.limits import is_ulid
from pytest_cio_load.customerio.operations.items import item_of
from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.sending.lines import LineIds, name_of, operation_of

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
U1 = {"id": "u1"}


def read(line: object) -> dict[str, Any]:
    """The item that a line becomes."""
    item: dict[str, Any] = json.loads(item_of(operation_of(line, lambda: ULID)).body)
    return item


@pytest.mark.parametrize(
    ("line", "item"),
    [
        (
            {"type": "person", "action": "identify", "identifiers": U1, "attributes": {"plan": "pro"}},
            {"type": "person", "action": "identify", "identifiers": U1, "attributes": {"plan": "pro"}},
        ),
        (
            {"type": "person", "action": "event", "identifiers": U1, "name": "bought"},
            {"type": "person", "action": "event", "identifiers": U1, "name": "bought", "id": ULID},
        ),
        (
            {"type": "identify", "userId": "u1", "data": {"plan": "pro"}},
            {"type": "person", "action": "identify", "identifiers": U1, "attributes": {"plan": "pro"}},
        ),
        ({"type": "identify", "userId": 7}, {"type": "person", "action": "identify", "identifiers": {"id": "7"}, "attributes": {}}),
        (
            {"type": "track", "userId": "a@example.com", "data": {"name": "bought", "data": {"n": 1}, "timestamp": 5}},
            {
                "type": "person",
                "action": "event",
                "identifiers": {"email": "a@example.com"},
                "name": "bought",
                "id": ULID,
                "timestamp": 5,
                "attributes": {"n": 1},
            },
        ),
        (
            {"type": "page", "userId": "u1", "name": "/x", "data": {"name": "not this"}, "id": ULID[:-1] + "W"},
            {
                "type": "person",
                "action": "page",
                "identifiers": U1,
                "name": "/x",
                "id": ULID[:-1] + "W",
                "attributes": {"name": "not this"},
            },
        ),
        ({"type": "suppress", "userId": "u1"}, {"type": "person", "action": "suppress", "identifiers": U1}),
        (
            {"type": "add_device", "userId": "u1", "data": {"id": "tok", "platform": "ios"}},
            {"type": "person", "action": "add_device", "identifiers": U1, "device": {"token": "tok", "platform": "ios"}},
        ),
        (
            {"type": "delete_device", "userId": "u1", "data": {"device": {"id": "tok"}}},
            {"type": "person", "action": "delete_device", "identifiers": U1, "device": {"token": "tok"}},
        ),
    ],
)
def test_both_forms(line: object, item: dict[str, Any]) -> None:
    """Version 2 as it is; the short form as its function of version 1 makes it."""
    assert read(line) == item


FORMS = 'expected {"type", "action", "identifiers", …} or {"type", "userId", "data"}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["x"], f"line: got a list; {FORMS}; write an object in each line"),
        (None, f"line: got null; {FORMS}; write an object in each line"),
        (5, f"line: got a number; {FORMS}; write an object in each line"),
        ({"type": "person", "identifiers": U1}, f"line: got an object without action; {FORMS}; add action"),
        ({"type": "track"}, f"line: got an object without userId; {FORMS}; add userId"),
        ({"userId": "u1", "data": {}}, f"line: got an object without type; {FORMS}; add type, such as identify or track"),
        ({"type": "person"}, f"line: got an object without action; {FORMS}; add action"),
        ({"type": "identify", "user_id": "u1"}, f"line: got an object without userId; {FORMS}; write \"userId\" for 'user_id'"),
        (
            {"type": "foo"},
            "line: type: got 'foo'; expected identify, track, page, screen, delete, suppress, unsuppress, add_device, delete_device; "
            "write one of these",
        ),
        (
            {"type": "identfy", "userId": "u1"},
            "line: type: got 'identfy'; expected identify, track, page, screen, delete, suppress, unsuppress, add_device, delete_device; "
            "did you mean identify?",
        ),
        ({"type": "identify", "userId": "u1", "data": []}, "identify: data: got a list; expected an object; write {…}, or leave it out"),
        (
            {"type": "track", "userId": "u1", "data": {"data": {}}},
            "track: event name must not be blank: got NoneType; name the event with text",
        ),
        (
            {"type": "track", "userId": None, "name": "x"},
            "track: id attribute must be present: got None; pass an id, an email or 'cio_' and a cio_id",
        ),
        (
            {"type": "identify", "userId": True},
            "identify: id attribute must be a string value: got bool; write str(identifier)",
        ),
        (
            {"type": "add_device", "userId": "u1", "data": {"device": "tok"}},
            "add_device: device: got text; expected an object; write {'id': …, 'platform': …}",
        ),
        (
            {"type": "add_device", "userId": "u1", "data": {"id": "tok", "platform": "ios", "attributes": "x"}},
            "add_device: attributes: got text; expected an object; write {…}, or leave it out",
        ),
        (
            {"type": "delivery", "action": "event", "identifiers": {"id": "d1"}, "name": "opened"},
            "report_push: got a report about a delivery, which counts whenever it is sent; "
            "expected what may be sent again; call report_push",
        ),
    ],
)
def test_what_is_refused(line: object, said: str) -> None:
    """What was got, what was expected, the nearest fix."""
    with pytest.raises(InvalidOperation) as caught:
        operation_of(line, lambda: ULID)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            {"type": "identify", "traits": {"plan": "pro"}, "email": "z@e.com"},
            "identify: got unknown keys 'traits', 'email'; expected type, userId, data; write \"data\" for 'traits'",
        ),
        (
            {"type": "identify", "email": "z@e.com"},
            "identify: got unknown key 'email'; expected type, userId, data; move it into \"data\"",
        ),
        (
            {"type": "track", "event": "bought"},
            "track: got unknown key 'event'; expected type, userId, data, name, id, timestamp; write \"name\" for 'event'",
        ),
        (
            {"type": "track", "name": "bought", "timestmp": 5},
            "track: got unknown key 'timestmp'; expected type, userId, data, name, id, timestamp; did you mean timestamp?",
        ),
        (
            {"type": "identify", "data": {}, "date": 5},
            "identify: got unknown key 'date'; expected type, userId, data; move it into \"data\"",
        ),
        (
            {"type": "identify", "data": {}, "enqueuedAt": 5},
            "identify: got unknown key 'enqueuedAt'; expected type, userId, data; leave it out: only jobs in a queue have it",
        ),
        (
            {"type": "identify", "data": {}, "traits": {}},
            "identify: got unknown key 'traits'; expected type, userId, data; move it into \"data\"",
        ),
        (
            {"type": "identify", **dict.fromkeys("abcde" + "x" * 40)},
            "identify: got unknown keys 'a', 'b', 'c' and 3 more; expected type, userId, data; move it into \"data\"",
        ),
        (
            {"type": "track", "data": {"name": "bought", "price": 5}},
            "track: got unknown key 'price'; expected name, id, timestamp, data; "
            'write "name" beside "data" when this is the event\'s data',
        ),
        (
            {"type": "track", "timestamp": 5, "data": {"name": "bought"}},
            "track: got 'timestamp' beside \"data\" and the name in it; expected them together; move 'timestamp' into \"data\"",
        ),
        (
            {"type": "add_device", "data": {"token": "tok", "platform": "ios"}},
            "add_device: got unknown key 'token'; expected id, platform, last_used, attributes; write \"id\" for 'token'",
        ),
        (
            {"type": "add_device", "data": {"device": {"id": "tok", "platform": "ios"}, "model": "x"}},
            "add_device: got unknown key 'model'; expected device; move it into \"device\"",
        ),
        (
            {"type": "delete_device", "data": {"id": "tok", "model": "x"}},
            "delete_device: got unknown key 'model'; expected id, platform, last_used, attributes; move it into \"attributes\"",
        ),
    ],
)
def test_nothing_is_lost_under_an_unknown_key(line: dict[str, object], said: str) -> None:
    """It is named, and what it should have been called."""
    with pytest.raises(InvalidOperation) as caught:
        operation_of({**line, "userId": "u1"}, lambda: ULID)
    assert str(caught.value) == said


@given(key=st.text(min_size=1).filter(lambda key: key not in ("type", "userId", "data", "action")))
def test_any_other_key_is_refused(key: str) -> None:
    """Whatever it is called: as unknown, or as the other form without its action."""
    with pytest.raises(InvalidOperation, match=r"got unknown key |without action"):
        operation_of({"type": "identify", "userId": "u1", key: 1}, lambda: ULID)


def test_reasons_hold_no_attributes() -> None:
    """Whatever is wrong, no value of a line is in the text."""
    for line in ({"type": "identify", "userId": "u1", "data": {"a": "secret" * 300}}, {"type": "track", "userId": "u1", "id": "secret"}):
        with pytest.raises(InvalidOperation) as caught:
            operation_of({**line, "name": "x"}, lambda: ULID)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (api.identify("u1", {}), "identify"),
        (api.entity({"type": "person", "action": "event", "identifiers": U1, "name": "x"}), "track"),
        (api.entity({"type": "person", "action": "merge", "primary": U1, "secondary": {"id": "u2"}}), "merge_customers"),
        (api.entity({"type": "object", "action": "delete", "identifiers": {"cio_object_id": "o"}}), "delete_object"),
    ],
)
def test_what_an_operation_is_called(operation: api.Operation, name: str) -> None:
    """By the name it is called by when it is not an entity."""
    assert name_of(operation) == name


@given(run=st.binary(min_size=16, max_size=16), began=st.integers(0, 2**48 - 1), lines=st.lists(st.integers(1, 2**40), unique=True))
def test_ids_are_functions_of_run_and_line(run: bytes, began: int, lines: list[int]) -> None:
    """ULIDs, the same whenever they are made, and no two alike in a file or with another run's."""
    ids, again, other = LineIds(run, began), LineIds(run, began), LineIds(bytes([run[0] ^ 1]) + run[1:], began)
    made = [ids.at(line)() for line in lines]
    assert made == [again.at(line)() for line in lines]
    assert all(map(is_ulid, made))
    assert len({*made, *(other.at(line)() for line in lines)}) == 2 * len(lines)
    assert len({each[:10] for each in made}) <= 1
