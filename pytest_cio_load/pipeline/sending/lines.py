"""One object as an operation: both forms a line may have, and the ids of events."""

from __future__ import annotations

import json
from base64 import b32encode
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from pytest_cio_load.customerio.operations import devices, entities, events, people
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.errors import InvalidOperation, near_miss

EVENTS = ("track", "page", "screen")
_EXPECTED = 'expected {"type", "action", "identifiers", …} or {"type", "userId", "data"}'
_VERSION_2 = ("person", "object", "delivery")
"""Types of version 2 of the Track API, which say in ``action`` what is asked for."""

_KEYS = ("type", "userId", "data")
_EVENT_KEYS = ("name", "id", "timestamp")
_DEVICE_KEYS = ("id", "platform", "last_used", "attributes")
_MEANT = {
    **dict.fromkeys(("traits", "attributes", "properties", "payload", "body"), "data"),
    **dict.fromkeys(("event", "eventName", "event_name"), "name"),
    **dict.fromkeys(("user_id", "userid", "userID", "customerId", "customer_id", "identifier"), "userId"),
    **dict.fromkeys(("time", "ts", "created_at", "createdAt"), "timestamp"),
    **dict.fromkeys(("messageId", "message_id", "ulid"), "id"),
    "token": "id",
    "lastUsed": "last_used",
}
"""What other tools call a key."""

_OF_JOBS = ("v", "enqueuedAt", "method", "path")

_NAMED, _SHOWN = 3, 30
"""Unknown keys that are named, and how many letters of each."""

_RFC, _CROCKFORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_CROCKFORD = bytes.maketrans(_RFC, _CROCKFORD)

NewId = Callable[[], str]


class LineIds:
    """The ULIDs of a run's events: the same one whenever a line is read.

    Args:
        run: names the run; another run of the same file gives other ids.
        began_ms: unix milliseconds of the run's beginning, which is the time in every id.
    """

    def __init__(self, run: bytes, began_ms: int) -> None:
        self._run = run
        self._time = "".join([chr(_CROCKFORD[began_ms >> shift & 31]) for shift in range(45, -1, -5)])

    def at(self, line: int) -> NewId:
        """Makes the id of the event in that line."""
        return lambda: self._made(line)

    def _made(self, line: int) -> str:
        chance = blake2b(line.to_bytes(8, "big"), digest_size=10, key=self._run).digest()
        return self._time + b32encode(chance).translate(_TO_CROCKFORD).decode("ascii")


def operation_of(line: object, new_id: NewId) -> Operation:
    """What a line asks for.

    Args:
        line: from JSON: an operation of version 2 of the Track API, or ``type``, ``userId`` and ``data`` as producers of queues write it.
        new_id: makes the ULID of an event that has none.

    Raises:
        InvalidOperation: it is neither, Customer.io would refuse it, or it cannot be sent twice.
    """
    if not isinstance(line, dict):
        raise InvalidOperation("line", f"got {_kind(line)}; {_EXPECTED}; write an object in each line")
    if "action" in line:
        operation = entities.entity(line, new_id=new_id)
        if not operation.repeatable:
            reason = "got a report about a delivery, which counts whenever it is sent; expected what may be sent again; call report_push"
            raise InvalidOperation("report_push", reason)
        return operation
    kind, person, data = _kind_of(line), line.get("userId"), line.get("data")
    build = _SHORT[kind]
    _check_keys(kind, line, (*_KEYS, *_EVENT_KEYS) if kind in EVENTS else _KEYS, 'move it into "data"')
    if data is not None and not isinstance(data, dict):
        raise InvalidOperation(kind, f"data: got {_kind(data)}; expected an object; write {{…}}, or leave it out")
    # A number is how many producers write an id.
    who = str(person) if isinstance(person, int) and not isinstance(person, bool) else person
    return build(kind, who, data or {}, line, new_id)


def _kind_of(line: Mapping[str, Any]) -> str:
    """What a line of the short form asks for. Raises InvalidOperation when it does not say that, or not about whom."""
    kind = line.get("type")
    if not isinstance(kind, str):
        raise InvalidOperation("line", f"got an object without type; {_EXPECTED}; add type, such as identify or track")
    if kind in _VERSION_2 or "identifiers" in line:
        raise InvalidOperation("line", f"got an object without action; {_EXPECTED}; add action")
    if kind not in _SHORT:
        hint = near_miss(kind, _SHORT) or "write one of these"
        raise InvalidOperation("line", f"type: got {kind[:_SHOWN]!r}; expected {', '.join(_SHORT)}; {hint}")
    if "userId" not in line:
        other = next((key for key in line if _MEANT.get(key) == "userId" or key in ("id", "email")), None)
        hint = f'write "userId" for {other!r}' if other else "add userId"
        raise InvalidOperation("line", f"got an object without userId; {_EXPECTED}; {hint}")
    return kind


def _check_keys(kind: str, got: Mapping[str, Any], known: tuple[str, ...], otherwise: str) -> None:
    """Raise InvalidOperation unless all keys are known: what stands under another one would be lost. *otherwise*: what to do with it."""
    unknown = [key for key in got if key not in known]
    if not unknown:
        return
    first, meant = unknown[0], _MEANT.get(unknown[0])
    free = [key for key in known if key not in got]
    if first in _OF_JOBS:
        hint = "leave it out: only jobs in a queue have it"
    else:
        hint = f'write "{meant}" for {first[:_SHOWN]!r}' if meant in free else near_miss(first, free) or otherwise
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    names = ", ".join(repr(key[:_SHOWN]) for key in unknown[:_NAMED]) + more
    raise InvalidOperation(kind, f"got unknown key{'s' * (len(unknown) > 1)} {names}; expected {', '.join(known)}; {hint}")


def name_of(operation: Operation) -> str:
    """What an operation is called in a report: an entity by what it does."""
    if operation.name != "entity":
        return operation.name
    entity = json.loads(operation.body or b"{}")
    action = str(entity.get("action"))
    if entity.get("type") == "object":
        return f"{action}_object"
    return {"event": "track", "merge": "merge_customers"}.get(action, action)


def _kind(value: object) -> str:
    return "null" if value is None else {dict: "an object", list: "a list", str: "text", bool: "true or false"}.get(type(value), "a number")


def _identify(_: str, person: Any, data: dict[str, Any], line: Mapping[str, Any], new_id: NewId) -> Operation:
    return people.identify(person, data)


def _bare(kind: str, person: Any, data: dict[str, Any], line: Mapping[str, Any], new_id: NewId) -> Operation:
    return _BARE[kind](person)


def _event(kind: str, person: Any, data: dict[str, Any], line: Mapping[str, Any], new_id: NewId) -> Operation:
    # The name, and what belongs to it, stands in `data`, or beside it.
    event = line if "name" in line else data
    if event is data and "name" in data:
        _check_keys(kind, data, (*_EVENT_KEYS, "data"), 'write "name" beside "data" when this is the event\'s data')
        beside = next((key for key in _EVENT_KEYS if key in line), None)
        if beside is not None:
            reason = f'got {beside!r} beside "data" and the name in it; expected them together; move {beside!r} into "data"'
            raise InvalidOperation(kind, reason)
    content = event.get("data")
    return _EVENT[kind](person, event.get("name"), content, id=event.get("id"), timestamp=event.get("timestamp"), new_id=new_id)


def _add_device(kind: str, person: Any, data: dict[str, Any], line: Mapping[str, Any], new_id: NewId) -> Operation:
    device = _device(kind, data)
    content = device.get("attributes")
    if content is not None and not isinstance(content, dict):
        raise InvalidOperation("add_device", f"attributes: got {_kind(content)}; expected an object; write {{…}}, or leave it out")
    token, platform = device.get("id"), device.get("platform")
    return devices.add_device(person, token, platform, last_used=device.get("last_used"), attributes=content)  # type: ignore[arg-type]


def _delete_device(kind: str, person: Any, data: dict[str, Any], line: Mapping[str, Any], new_id: NewId) -> Operation:
    return devices.delete_device(person, _device(kind, data).get("id"))  # type: ignore[arg-type]


def _device(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    device = data.get("device", data)
    if "device" in data:
        _check_keys(kind, data, ("device",), 'move it into "device"')
    if not isinstance(device, dict):
        raise InvalidOperation(kind, f"device: got {_kind(device)}; expected an object; write {{'id': …, 'platform': …}}")
    _check_keys(kind, device, _DEVICE_KEYS, 'move it into "attributes"')
    return device


_BARE: dict[str, Callable[[Any], Operation]] = {"delete": people.delete, "suppress": people.suppress, "unsuppress": people.unsuppress}
_EVENT: dict[str, Callable[..., Operation]] = {"track": events.track, "page": events.page, "screen": events.screen}
_SHORT: dict[str, Callable[[str, Any, dict[str, Any], Mapping[str, Any], NewId], Operation]] = {
    "identify": _identify,
    **dict.fromkeys(EVENTS, _event),
    **dict.fromkeys(_BARE, _bare),
    "add_device": _add_device,
    "delete_device": _delete_device,
}
