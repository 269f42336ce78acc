"""One operation on its way through a queue: its form on the wire, and what is no job.

On the wire a job has the operation's name and this JSON:

    {"v": 1, "id": ULID, "enqueuedAt": ms, "userId": person, "data": body, "method": "PUT", "path": "/api/v1/customers/…"}

``userId`` and ``data`` are what producers and workers of the original design exchange, so those read our jobs, and jobs that have nothing
but ``{"userId", "data", "enqueuedAt"}`` are read here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from pytest_cio_load.customerio.limits import NotJson, encode, is_ulid
from pytest_cio_load.customerio.operations import devices, entities, events, people
from pytest_cio_load.customerio.operations.items import item_of
from pytest_cio_load.customerio.operations.operation import CUSTOMERS, ID_TYPES, Auth, Operation
from pytest_cio_load.errors import CioLoadError, InvalidOperation, near_miss
from pytest_cio_load.pipeline.engines.engine import Delivery, Parcel

VERSION = 1
"""Of the form on the wire."""

# What percent-encoding leaves as it is, here and in JavaScript. Anything else could lead somewhere else: "..", "#", a line break.
_SEGMENT = r"(?!\.{1,2}(?:/|\Z))(?:[A-Za-z0-9_.~!'()*-]|%[0-9A-Fa-f]{2})+"
_PERSON = re.escape(CUSTOMERS) + _SEGMENT
_ID_TYPE = f"id_type=(?:{'|'.join(ID_TYPES)})"
_FORMS: dict[str, tuple[str, str]] = {
    "identify": ("PUT", _PERSON),
    "delete": ("DELETE", _PERSON),
    "suppress": ("POST", _PERSON + "/suppress"),
    "unsuppress": ("POST", _PERSON + "/unsuppress"),
    "track": ("POST", _PERSON + "/events"),
    "page": ("POST", _PERSON + "/events"),
    "screen": ("POST", _PERSON + "/events"),
    "add_device": ("PUT", _PERSON + "/devices"),
    "delete_device": ("DELETE", _PERSON + "/devices/" + _SEGMENT),
    "merge_customers": ("POST", "/api/v1/merge_customers"),
    "track_anonymous": ("POST", "/api/v1/events"),
    "add_customers_to_segment": ("POST", r"/api/v1/segments/[0-9]+/add_customers\?" + _ID_TYPE),
    "remove_customers_from_segment": ("POST", r"/api/v1/segments/[0-9]+/remove_customers\?" + _ID_TYPE),
    "report_metric": ("POST", "/api/v1/metrics"),
    "report_push": ("POST", "/api/v1/push/events"),
    "unsubscribe": ("POST", "/unsubscribe/" + _SEGMENT),
    "submit_form": ("POST", "/api/v1/forms/" + _SEGMENT + "/submit"),
    "entity": ("POST", "/api/v2/entity"),
}
"""What may be queued: everything that changes a workspace, one operation a job. The method, and what the path must look like."""

_PATTERNS = {name: (method, re.compile(path)) for name, (method, path) in _FORMS.items()}
_NOT_REPEATABLE = frozenset({"report_metric", "report_push", "submit_form"})
_WITHOUT_CREDENTIALS = frozenset({"report_metric", "report_push", "unsubscribe"})
_EVENTS = frozenset({"track", "page", "screen", "track_anonymous"})
_SHOWN = 30


class NotAJob(CioLoadError, ValueError):
    """What was taken from the queue cannot be sent, whatever is tried: a dead letter. The text is safe to log."""


@dataclass(frozen=True, slots=True)
class Job:
    """An operation that was taken from a queue.

    Attributes:
        delivery: what was taken.
        operation: what is to be sent.
        keys: whom or what it is about; jobs that share one are sent in order.
    """

    delivery: Delivery
    operation: Operation
    keys: tuple[str, ...] = field(repr=False)


def parcel(operation: Operation, *, id: str, enqueued_at: float, delay: float = 0.0, priority: int = 0) -> Parcel:
    """*operation* as a queue stores it.

    Args:
        operation: what is to be sent.
        id: a ULID, used when the operation has none of its own; an event has one, and the second of two equal events is not stored.
        enqueued_at: unix seconds.
        delay: seconds until it may be taken.
        priority: 0 for none, else 1 (first) to 2,097,152 (last).

    Raises:
        InvalidOperation: it is none that a queue takes: a read, or a batch; delay or priority are out of range.
    """
    pattern = _PATTERNS.get(operation.name)
    if pattern is None:
        fix = "enqueue its operations one by one" if operation.name == "batch" else "call it on a client"
        raise InvalidOperation(operation.name, f"got an operation that no queue takes; expected one that changes a workspace; {fix}")
    if not 0 <= delay < float("inf"):
        raise InvalidOperation(operation.name, f"delay: got {delay}; expected seconds, 0 or more; try 0")
    if not isinstance(priority, int) or not 0 <= priority <= 2_097_152:
        raise InvalidOperation(operation.name, f"priority: got {priority}; expected 0 (none) to 2097152; try 1 for the first")
    id = _ulid_of(operation) or id
    head = {"v": VERSION, "id": id, "enqueuedAt": round(enqueued_at * 1000), "userId": operation.people[0] if operation.people else ""}
    if len(operation.people) > 1:
        head["people"] = list(operation.people)
    # The body is JSON already: it is set in as it is.
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False)
    body = "null" if operation.body is None else operation.body.decode()
    rest = json.dumps({"method": operation.method, "path": operation.path}, separators=(",", ":"))
    data = f'{text[:-1]},"data":{body},{rest[1:]}'
    return Parcel(id, operation.name, data, next(iter(_keys(operation)), ""), delay, priority, enqueued_at)


def _ulid_of(operation: Operation) -> str | None:
    """The ULID by which Customer.io recognises an event that it has; None for what is none."""
    if operation.body is None or operation.name not in (*_EVENTS, "entity"):
        return None
    body = json.loads(operation.body)
    is_event = operation.name in _EVENTS or (body.get("type") == "person" and body.get("action") in entities.EVENTS)
    return body["id"] if is_event and is_ulid(body.get("id")) else None


def _keys(operation: Operation) -> tuple[str, ...]:
    """Whom or what it is about, each once."""
    people = operation.people
    if not people and operation.name == "entity":
        return item_of(operation).keys
    return people if len(people) < 2 else tuple(dict.fromkeys(people))


def read(delivery: Delivery) -> Job:
    """What *delivery* asks for.

    Raises:
        NotAJob: it is no operation, one that Customer.io would refuse, or of a newer version than this one.
    """
    try:
        data = json.loads(delivery.data)
    except (ValueError, RecursionError):
        raise NotAJob("data: got text that is no JSON; expected a job; look at its producer") from None
    if not isinstance(data, dict):
        raise NotAJob(f"data: got {type(data).__name__}; expected an object; look at its producer")
    version = data.get("v")
    if version is None:
        operation = _from_the_original(delivery, data)
    elif version is not True and version == VERSION:
        operation = _from_ours(delivery, data)
    else:
        got = str(version)[:_SHOWN] if isinstance(version, int) else type(version).__name__
        raise NotAJob(f"v: got {got}; expected {VERSION}; update the worker and replay this dead letter")
    return Job(delivery, operation, _keys(operation))


def _from_ours(delivery: Delivery, data: dict[str, Any]) -> Operation:
    name = delivery.name
    form = _PATTERNS.get(name)
    if form is None:
        name = name[:_SHOWN]
        raise NotAJob(f"name: got {name!r}; expected an operation; {near_miss(name, _FORMS) or 'look at its producer'}")
    method, path = data.get("method"), data.get("path")
    if method != form[0] or not isinstance(path, str) or not form[1].fullmatch(path):
        raise NotAJob(f"path: got one that is not of {name}; expected {form[0]} and its path; look at its producer")
    body = data.get("data")
    if body is not None and not isinstance(body, dict):
        raise NotAJob(f"data: got {type(body).__name__}; expected an object or null; look at its producer")
    if name == "entity":
        return _checked(name, lambda: entities.entity(body or {}, new_id=lambda: stable_ulid(delivery)))
    if name in _EVENTS and body is not None and not body.get("id"):
        body = {**body, "id": stable_ulid(delivery)}
    try:
        content = None if body is None else encode(body, name)
    except NotJson as error:
        raise NotAJob(str(error)) from None
    return Operation(
        name,
        method,
        path,
        content,
        repeatable=name not in _NOT_REPEATABLE,
        auth=Auth.NONE if name in _WITHOUT_CREDENTIALS else Auth.BASIC,
        people=_people(path, data),
    )


def _people(path: str, data: dict[str, Any]) -> tuple[str, ...]:
    if path.startswith(CUSTOMERS):
        return (unquote(path.removeprefix(CUSTOMERS).split("/")[0]),)
    named = data.get("people")
    if isinstance(named, list) and all(isinstance(each, str) for each in named):
        return tuple(named)
    person = data.get("userId")
    return (person,) if isinstance(person, str) and person else ()


def _from_the_original(delivery: Delivery, data: dict[str, Any]) -> Operation:
    """A job of the original design's form, or one that is an entity of version 2 itself."""
    if "type" in data and "action" in data:
        return _checked("entity", lambda: entities.entity(data, new_id=lambda: stable_ulid(delivery)))
    build = _ORIGINAL.get(delivery.name)
    person, content = data.get("userId"), data.get("data")
    if build is None:
        name = delivery.name[:_SHOWN]
        raise NotAJob(f"name: got {name!r}; expected one such as identify or track; {near_miss(name, _ORIGINAL) or 'look at its producer'}")
    if isinstance(person, bool) or not isinstance(person, (str, int)):
        raise NotAJob(f"userId: got {type(person).__name__}; expected text or a number; look at its producer")
    if not isinstance(content, (dict, type(None))):
        raise NotAJob(f"data: got {type(content).__name__}; expected an object or null; look at its producer")
    return _checked(delivery.name, lambda: build(str(person), content or {}, delivery))


def _checked(name: str, build: Callable[[], Operation]) -> Operation:
    try:
        return build()
    except InvalidOperation as error:
        raise NotAJob(f"{name}: {error.reason}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        got = f"got data that cannot be read ({type(error).__name__})"
        raise NotAJob(f"{name}: {got}; expected its arguments; look at its producer") from None


def _event(build: Callable[..., Operation]) -> Callable[[str, dict[str, Any], Delivery], Operation]:
    def made(person: str, data: dict[str, Any], delivery: Delivery) -> Operation:
        # Whatever tries it, and however often, must send the same ULID.
        id = data.get("id") or stable_ulid(delivery)
        return build(person, data.get("name"), data.get("data"), id=id, timestamp=data.get("timestamp"))

    return made


def stable_ulid(delivery: Delivery) -> str:
    """A ULID for an event whose producer made none: the same one whenever the job is read."""
    from hashlib import sha256
    from random import Random

    from pytest_cio_load.customerio.operations.operation import Ulids

    seed = sha256(f"{delivery.name}\0{delivery.id}\0{delivery.data}".encode()).digest()
    return Ulids(Random(seed), lambda: delivery.enqueued_at)()


def _device(person: str, data: Mapping[str, Any], _: Delivery) -> Operation:
    device = dict(data.get("device", data))
    return devices.add_device(person, device.pop("id"), device.pop("platform"), **device)


_ORIGINAL: dict[str, Callable[[str, dict[str, Any], Delivery], Operation]] = {
    "identify": lambda person, data, _: people.identify(person, data),
    "delete": lambda person, *_: people.delete(person),
    "suppress": lambda person, *_: people.suppress(person),
    "unsuppress": lambda person, *_: people.unsuppress(person),
    "track": _event(events.track),
    "page": _event(events.page),
    "screen": _event(events.screen),
    "add_device": _device,
}
