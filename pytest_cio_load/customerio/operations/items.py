"""Operations in the form that version 2 of the Track API takes: alone as an entity, or many in a batch.

Version 1 names a person in the path and leaves open by what; version 2 wants to be told. Version 1 says ``data`` and ``id`` where
version 2 says ``attributes`` and ``token``. Some have no such form: anonymous events, forms, segments, most metrics of messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from pytest_cio_load.customerio.limits import ITEM_BYTES, encode
from pytest_cio_load.customerio.operations.operation import CUSTOMERS, Operation
from pytest_cio_load.errors import InvalidOperation

_EVENTS = {"track": "event", "page": "page", "screen": "screen"}


@dataclass(frozen=True, slots=True)
class Item:
    """One operation in a batch.

    Attributes:
        operation: what it was made of.
        body: compact JSON of at most 32,000 bytes; never shown.
        keys: whom or what it is about; items that share a key are kept in order.
        index: its place among everything that was given to be sent, from 0.
    """

    operation: Operation
    body: bytes = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    index: int


def item_of(operation: Operation, index: int = 0) -> Item:
    """*operation* as part of a batch.

    Raises:
        InvalidOperation: it has no form in a batch, or is too large for one.
    """
    if operation.name == "entity":
        body = operation.body or b""
        keys = operation.people or _object_keys(json.loads(body))
    else:
        body, keys = encode(entity_of(operation), operation.name), operation.people
    if len(body) > ITEM_BYTES:
        reason = f"operation in a batch cannot be larger than {ITEM_BYTES} bytes: got {len(body)} bytes; send it alone, or send less"
        raise InvalidOperation(operation.name, reason)
    return Item(operation, body, keys, index)


def entity_of(operation: Operation) -> dict[str, Any]:
    """*operation* as an object of version 2. Raises InvalidOperation when it has no such form."""
    if operation.name == "entity":
        return dict(json.loads(operation.body or b"{}"))
    translate = _TRANSLATE.get(operation.name)
    if translate is None:
        raise InvalidOperation(operation.name, f"got an operation without a form in a batch; expected {_KNOWN}; send it alone")
    return translate(operation, {} if operation.body is None else json.loads(operation.body))


def identifiers_of(identifier: str) -> dict[str, str]:
    """The one entry of ``identifiers`` by which version 2 finds whom a path of version 1 names: by its prefix or its shape."""
    if identifier.startswith("cio_"):
        return {"cio_id": identifier[4:]}
    name, at, domain = identifier.partition("@")
    return {"email" if name and at and domain else "id": identifier}


def _person(operation: Operation, action: str, **rest: object) -> dict[str, Any]:
    return {"type": "person", "action": action, "identifiers": identifiers_of(operation.people[0]), **rest}


def _identify(operation: Operation, attributes: dict[str, Any]) -> dict[str, Any]:
    rest: dict[str, object] = {}
    if "_timestamp" in attributes:
        rest["timestamp"] = attributes.pop("_timestamp")
    if "cio_relationships" in attributes:
        related = attributes.pop("cio_relationships")
        links = related.get("relationships") if isinstance(related, dict) else related
        if not isinstance(links, list) or (isinstance(related, dict) and related.get("action", "add_relationships") != "add_relationships"):
            reason = "cio_relationships: got no relationships to add; expected a list of them; send delete_relationships as an entity"
            raise InvalidOperation("identify", reason)
        rest["cio_relationships"] = links
    return _person(operation, "identify", attributes=attributes, **rest)


def _event(operation: Operation, event: dict[str, Any]) -> dict[str, Any]:
    rest = {name: event[name] for name in ("name", "id", "timestamp") if name in event}
    return _person(operation, _EVENTS[operation.name], **rest, attributes=event.get("data", {}))


def _add_device(operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    device = {"token" if name == "id" else name: value for name, value in body["device"].items()}
    return _person(operation, "add_device", device=device)


def _delete_device(operation: Operation, _: dict[str, Any]) -> dict[str, Any]:
    token = unquote(operation.path.removeprefix(CUSTOMERS).split("/")[2])
    return _person(operation, "delete_device", device={"token": token})


def _bare(operation: Operation, _: dict[str, Any]) -> dict[str, Any]:
    return _person(operation, operation.name)


def _merge(_: Operation, body: dict[str, Any]) -> dict[str, Any]:
    return {"type": "person", "action": "merge", **body}


def _push(_: Operation, body: dict[str, Any]) -> dict[str, Any]:
    when = {"timestamp": body["timestamp"]} if "timestamp" in body else {}
    said = {"name": body["event"], **when, "attributes": {"device_token": body["device_id"]}}
    return {"type": "delivery", "action": "event", "identifiers": {"id": body["delivery_id"]}, **said}


def _object_keys(item: dict[str, Any]) -> tuple[str, ...]:
    """One key for an object or a message, of a shape that names no person."""
    return (json.dumps([item["type"], item.get("identifiers")], sort_keys=True),)


_TRANSLATE: dict[str, Callable[[Operation, dict[str, Any]], dict[str, Any]]] = {
    "identify": _identify,
    **dict.fromkeys(_EVENTS, _event),
    "add_device": _add_device,
    "delete_device": _delete_device,
    **dict.fromkeys(("delete", "suppress", "unsuppress"), _bare),
    "merge_customers": _merge,
    "report_push": _push,
}
_KNOWN = ", ".join([*_TRANSLATE, "entity"])
