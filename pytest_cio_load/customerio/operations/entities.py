"""Version 2 of the Track API: one operation of any kind, or a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pytest_cio_load.customerio.limits import BATCH_BYTES, ITEM_BYTES, refuse_attributes, refuse_event
from pytest_cio_load.customerio.operations.items import entity_of, item_of
from pytest_cio_load.customerio.operations.operation import (
    Operation,
    body_of,
    check_choice,
    check_person,
    check_text,
    event_id,
    named,
    new_ulid,
)
from pytest_cio_load.errors import InvalidOperation

EVENTS = ("event", "page", "screen")
PERSON_ACTIONS = (
    "identify",
    *EVENTS,
    "delete",
    "suppress",
    "unsuppress",
    "merge",
    "add_device",
    "delete_device",
    "add_relationships",
    "delete_relationships",
)
ACTIONS = {"person": PERSON_ACTIONS, "object": ("identify", "delete"), "delivery": ("event",)}
_PERSON = ("id", "email", "phone", "cio_id")
_DELIVERY = ("opened", "converted", "delivered")
_OPEN, _BETWEEN, _CLOSE = b'{"batch":[', b",", b"]}"
ENVELOPE = len(_OPEN) + len(_CLOSE)
"""Bytes of a batch around its items; a comma is added between two of them."""


def entity(operation: Operation | Mapping[str, object], *, new_id: Callable[[], str] = new_ulid) -> Operation:
    """One operation of version 2.

    Args:
        operation: ``type``, ``action``, ``identifiers`` and the rest, as Customer.io documents it; or an operation of version 1.
        new_id: makes the ULID of an event that has none.

    Raises:
        InvalidOperation: Customer.io would refuse it, a value has no JSON form, or the operation of version 1 has no form in version 2.
    """
    if isinstance(operation, Operation):
        if operation.name == "entity":
            return operation
        body, people = body_of("entity", entity_of(operation), "entity"), operation.people
        repeatable = operation.repeatable
    else:
        item = _checked(operation, new_id)
        body, people = body_of("entity", item, "entity"), _people(item)
        repeatable = item["type"] != "delivery"
        _check_content(item, len(body))
    if len(body) > ITEM_BYTES:
        raise InvalidOperation("entity", f"operation cannot be larger than {ITEM_BYTES} bytes: got {len(body)} bytes; send less")
    return Operation("entity", "POST", "/api/v2/entity", body, repeatable=repeatable, people=people)


def batch(operations: Iterable[Operation | Mapping[str, object]], *, new_id: Callable[[], str] = new_ulid) -> Operation:
    """Many operations in one request. For more than fit in one, see :class:`~pytest_cio_load.customerio.senders.BatchSender`.

    Args:
        operations: of version 1 or 2, in order.
        new_id: makes the ULIDs of events that have none.

    Raises:
        InvalidOperation: none at all, one that has no form in a batch or is refused, or more than 500,000 bytes.
    """
    if isinstance(operations, (Operation, Mapping)):
        raise InvalidOperation("batch", f"got one {type(operations).__name__}; expected several operations; write [operation]")
    items = [item_of(each if isinstance(each, Operation) else entity(each, new_id=new_id)) for each in operations]
    if not items:
        raise InvalidOperation("batch", "got no operation; expected at least one; leave the call out")
    people = tuple(dict.fromkeys(person for item in items for person in item.operation.people))
    return joined([item.body for item in items], repeatable=all(item.operation.repeatable for item in items), people=people)


def joined(items: list[bytes], *, repeatable: bool, people: tuple[str, ...] = ()) -> Operation:
    """The operation that sends these items. Raises InvalidOperation when they are more than 500,000 bytes."""
    body = _OPEN + _BETWEEN.join(items) + _CLOSE
    if len(body) > BATCH_BYTES:
        reason = f"batch cannot be larger than {BATCH_BYTES} bytes: got {len(body)} bytes; a BatchSender splits"
        raise InvalidOperation("batch", reason)
    return Operation("batch", "POST", "/api/v2/batch", body, repeatable=repeatable, people=people)


def _checked(given: Mapping[str, object], new_id: Callable[[], str]) -> dict[str, object]:
    """A copy of *given* that Customer.io would take, apart from its limits."""
    if not isinstance(given, Mapping):
        raise InvalidOperation("entity", f"got {type(given).__name__}; expected an operation or a dict; write {{'type': 'person', …}}")
    item = dict(given)
    kind = check_choice("entity", "type", item.get("type"), ACTIONS)
    action = check_choice("entity", "action", item.get("action"), ACTIONS[kind])
    if action == "merge":
        for role in ("primary", "secondary"):
            _one_name(role, item.get(role), _PERSON)
    elif kind == "object":
        _check_object(item.get("identifiers"))
    else:
        _one_name("identifiers", item.get("identifiers"), _PERSON if kind == "person" else ("id",))
    if kind == "delivery":
        check_choice("entity", "name", item.get("name"), _DELIVERY)
    elif action in EVENTS:
        given_id = item.get("id")
        item["id"] = event_id("entity", given_id if given_id is None else str(given_id), new_id)
    elif action in ("add_device", "delete_device"):
        device = item.get("device")
        token = device.get("token") if isinstance(device, Mapping) else None
        check_text("entity", "device token", token)
    return item


def _check_content(item: dict[str, object], body_bytes: int) -> None:
    attributes = item.get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        raise InvalidOperation("entity", f"attributes: got {type(attributes).__name__}; expected a dict; pass one")
    refusal = None
    if item["action"] in EVENTS and item["type"] == "person":
        refusal = refuse_event(item.get("name"), attributes, body_bytes)
    elif item["action"] == "identify" and attributes is not None:
        refusal = refuse_attributes(attributes, body_bytes)
    if refusal is not None:
        raise InvalidOperation("entity", refusal.describe())


def _one_name(where: str, names: object, known: tuple[str, ...]) -> None:
    if not isinstance(names, Mapping) or len(names) != 1:
        got = f"{len(names)} of them" if isinstance(names, Mapping) else type(names).__name__
        raise InvalidOperation("entity", f"{where}: got {got}; expected exactly one of {', '.join(known)}; write {{'{known[0]}': …}}")
    ((kind, value),) = names.items()
    check_choice("entity", where, kind, known)
    check_person("entity", value)


def _check_object(names: object) -> None:
    keys = set(names) if isinstance(names, Mapping) else set()
    if keys not in ({"object_type_id", "object_id"}, {"cio_object_id"}):
        got = f"{len(keys)} of them" if isinstance(names, Mapping) else type(names).__name__
        reason = f"identifiers: got {got}; expected object_type_id and object_id, or cio_object_id; add what is missing"
        raise InvalidOperation("entity", reason)


def _people(item: dict[str, object]) -> tuple[str, ...]:
    if item["type"] != "person":
        return ()
    asked = [item[role] for role in ("primary", "secondary")] if item["action"] == "merge" else [item["identifiers"]]
    return tuple(named(kind, str(value)) for names in asked if isinstance(names, Mapping) for kind, value in names.items())
