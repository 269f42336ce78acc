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
    kind, person = line.get("type"), line.get("userId")
    if "userId" not in line or not isinstance(kind, str):
        missing = "type" if not isinstance(kind, str) else "action" if "identifiers" in line else "userId"
        raise InvalidOperation("line", f"got an object without {missing}; {_EXPECTED}; add {missing}")
    build = _SHORT.get(kind)
    if build is None:
        hint = near_miss(kind, _SHORT) or f"try {'track'!r}"
        raise InvalidOperation("line", f"type: got {kind[:30]!r}; expected {', '.join(_SHORT)}; {hint}")
    data = line.get("data")
    if data is not None and not isinstance(data, dict):
        raise InvalidOperation(kind, f"data: got {_kind(data)}; expected an object; write {{…}}, or leave it out")
    # A number is how many producers write an id.
    who = str(person) if isinstance(person, int) and not isinstance(person, bool) else person
    return build(kind, who, data or {}, line, new_id)


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
    content = event.get("data")
    return _EVENT[kind](person, event.get("name"), content, id=event.get("id"), timestamp=event.get("timestamp"), new_id=new_id)


def _add_device(_: str, person: Any, data: dict[str, Any], line: Mapping[str, Any], new_id: NewId) -> Operation:
    device = _device(data)
    content = device.get("attributes")
    if content is not None and not isinstance(content, dict):
        raise InvalidOperation("add_device", f"attributes: got {_kind(content)}; expected an object; write {{…}}, or leave it out")
    token, platform = device.get("id"), device.get("platform")
    return devices.add_device(person, token, platform, last_used=device.get("last_used"), attributes=content)  # type: ignore[arg-type]


def _delete_device(_: str, person: Any, data: dict[str, Any], line: Mapping[str, Any], new_id: NewId) -> Operation:
    return devices.delete_device(person, _device(data).get("id"))  # type: ignore[arg-type]


def _device(data: dict[str, Any]) -> dict[str, Any]:
    device = data.get("device", data)
    if not isinstance(device, dict):
        raise InvalidOperation("add_device", f"device: got {_kind(device)}; expected an object; write {{'id': …, 'platform': …}}")
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
