"""Reads operations of the Track API, v2: one alone (``entity``) or many (``batch``), each with its own refusal.

Customer.io says "kb" and not whether that is 1,000 or 1,024 bytes. The fake takes what its own and RudderStack's senders send: 32 × 1,024
bytes an item, 500,000 a batch. An item inside a batch is measured as compact JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_cio_load.customerio.limits import Refusal, refuse_attributes, refuse_event, refuse_identifier, size
from pytest_cio_load.fake import texts
from pytest_cio_load.fake.bodies import NOBODY, TYPES, Asked, is_platform, names_in, parsed
from pytest_cio_load.fake.persons import Name
from pytest_cio_load.fake.texts import Refused, item_errors
from pytest_cio_load.fake.things import object_key

ENTITY_BYTES = 32 * 1024
BATCH_BYTES = 500_000

_METRICS = ("opened", "converted", "delivered")
_LINKS = ("add_relationships", "delete_relationships")
_PEOPLE = ("id", "email", "phone", "cio_id")


class Invalid(Exception):
    """Why one operation is not taken.

    Attributes:
        error: reason, field and message. Reasons are our choice: ``required``, ``invalid`` or ``parse``.
    """

    def __init__(self, field: str, message: str, reason: str = "invalid") -> None:
        self.error = {"reason": reason, "field": field, "message": message}
        super().__init__(message)


def read_entity(body: bytes) -> Asked:
    """The one operation in a body. Raises Refused, with the answer."""
    try:
        if len(body) > ENTITY_BYTES:
            raise Invalid("", texts.ITEM_SIZE)
        return read_item(_json(body), len(body))
    except Invalid as invalid:
        raise Refused(400, item_errors([invalid.error])) from None


def open_batch(body: bytes) -> list[Any]:
    """The operations in a body, unread. Raises Refused, with the answer."""
    try:
        if len(body) > BATCH_BYTES:
            raise Invalid("batch", texts.BATCH_SIZE)
        content = _json(body)
        batch = content.get("batch") if isinstance(content, dict) else None
        if not isinstance(batch, list) or not batch:
            raise Invalid("batch", texts.BATCH, "required")
        return batch
    except Invalid as invalid:
        raise Refused(400, item_errors([invalid.error])) from None


def read_item(item: object, body_bytes: int) -> Asked:
    """What one operation asks for.

    Args:
        item: from JSON.
        body_bytes: the size of the body it came in; in one that is smaller than a limit nothing can break that limit.

    Raises:
        Invalid: Customer.io would not take it.
    """
    if not isinstance(item, dict):
        raise Invalid("", texts.ITEM_OBJECT)
    if body_bytes > ENTITY_BYTES and size(item) > ENTITY_BYTES:
        raise Invalid("", texts.ITEM_SIZE)
    kind, action = item.get("type"), item.get("action")
    readers = _READERS.get(kind) if isinstance(kind, str) else None
    if readers is None:
        raise Invalid("type", texts.TYPE, "invalid" if kind else "required")
    reader = readers.get(action) if isinstance(action, str) else None
    if reader is None:
        raise Invalid("action", texts.ACTION.format(", ".join(readers)), "invalid" if action else "required")
    return reader(item, body_bytes)


def operation_of(item: object) -> str:
    """The operation an item is counted under when it is refused: ``batch`` when it does not say."""
    if not isinstance(item, dict):
        return "batch"
    return _OPERATIONS.get((str(item.get("type")), str(item.get("action"))), "batch")


def _json(body: bytes) -> Any:
    try:
        return parsed(body)
    except (ValueError, RecursionError):
        raise Invalid("", texts.NOT_JSON, "parse") from None


def _person(item: dict[str, Any]) -> Name:
    """A phone number is taken as an id, as in a path of v1."""
    who = item.get("identifiers")
    names = names_in(who)
    if isinstance(who, dict) and isinstance(phone := who.get("phone"), str) and phone:
        names.append(("id", phone))
    if len(names) != 1:
        raise Invalid("identifiers", texts.IDENTIFIERS.format(", ".join(_PEOPLE)), "invalid" if who else "required")
    _check("identifiers", refuse_identifier(names[0][1]))
    return names[0]


def _hash(item: dict[str, Any], field: str) -> dict[str, Any]:
    value = item.get(field)
    if value is not None and not isinstance(value, dict):
        raise Invalid(field, texts.ATTRIBUTES)
    return value or {}


def _check(field: str, refusal: Refusal | None) -> None:
    if refusal is not None:
        raise Invalid(field, refusal.says)


def _identify(item: dict[str, Any], body_bytes: int) -> Asked:
    name, attributes = _person(item), _hash(item, "attributes")
    _check("attributes", refuse_attributes(attributes, body_bytes))
    content = {**attributes, "cio_relationships": _relationships(item)} if "cio_relationships" in item else attributes
    return "identify", name, content


def _event(item: dict[str, Any], body_bytes: int) -> Asked:
    name, data, title = _person(item), _hash(item, "attributes"), item.get("name")
    _check("name", refuse_event(title, None, 0))
    _check("attributes", refuse_event(title, data, body_bytes))
    kind = item["action"]
    return TYPES[kind], name, {"name": title, "data": data, "id": item.get("id"), "timestamp": item.get("timestamp"), "type": kind}


def _device(item: dict[str, Any], body_bytes: int) -> Asked:
    name, device = _person(item), _hash(item, "device")
    token = device.get("token")
    if not isinstance(token, str) or not token:
        raise Invalid("device.token", texts.TOKEN, "required")
    if item["action"] == "delete_device":
        return "delete_device", name, {"device": token}
    if not is_platform(device.get("platform")):
        raise Invalid("device.platform", texts.PLATFORM, "invalid" if device.get("platform") else "required")
    return "add_device", name, {"device": {**{key: value for key, value in device.items() if key != "token"}, "id": token}}


def _merge(item: dict[str, Any], body_bytes: int) -> Asked:
    content: dict[str, Any] = {}
    for role in ("primary", "secondary"):
        names = names_in(item.get(role))
        if len(names) != 1:
            raise Invalid(role, texts.MERGE.format(role), "invalid" if item.get(role) else "required")
        content[role] = names[0]
    return "merge_customers", NOBODY, content


def _bare(item: dict[str, Any], body_bytes: int) -> Asked:
    return item["action"], _person(item), {}


def _relationships(item: dict[str, Any]) -> list[dict[str, Any]]:
    links = item.get("cio_relationships")
    if not isinstance(links, list) or any(not isinstance(link, dict) or object_key(link.get("identifiers")) is None for link in links):
        raise Invalid("cio_relationships", texts.RELATIONSHIPS, "invalid" if links else "required")
    return links


def _links(item: dict[str, Any], body_bytes: int) -> Asked:
    name = _person(item)
    return item["action"], name, {"people": [name], "cio_relationships": _relationships(item)}


def _object_links(item: dict[str, Any], body_bytes: int) -> Asked:
    """The same from the other side: an object, and the people related to it."""
    pair, links = _pair(item), item.get("cio_relationships")
    people = [names_in(link.get("identifiers")) for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    if not people or not isinstance(links, list) or len(people) != len(links) or any(len(names) != 1 for names in people):
        raise Invalid("cio_relationships", texts.PEOPLE, "invalid" if links else "required")
    link = {"identifiers": item["identifiers"], "relationship_attributes": {}}
    return item["action"], NOBODY, {"people": [names[0] for names in people], "cio_relationships": [link], "object": pair}


def _pair(item: dict[str, Any]) -> tuple[str, str]:
    pair = object_key(item.get("identifiers"))
    if pair is None:
        raise Invalid("identifiers", texts.OBJECT_IDENTIFIERS, "invalid" if item.get("identifiers") else "required")
    return pair


def _object(item: dict[str, Any], body_bytes: int) -> Asked:
    pair, attributes = _pair(item), _hash(item, "attributes")
    _check("attributes", refuse_attributes({name: value for name, value in attributes.items() if name != "id"}, body_bytes))
    return f"{item['action']}_object", NOBODY, {"object": pair, "attributes": attributes}


def _delivery(item: dict[str, Any], body_bytes: int) -> Asked:
    who, name = item.get("identifiers"), item.get("name")
    delivery = who.get("id") if isinstance(who, dict) else None
    if not isinstance(delivery, str) or not delivery:
        raise Invalid("identifiers", texts.IDENTIFIERS.format("id"), "invalid" if who else "required")
    if name not in _METRICS:
        raise Invalid("name", texts.METRIC_NAME, "invalid" if name else "required")
    return "report_push", NOBODY, {"delivery_id": delivery, "metric": name}


_READERS: dict[str, dict[str, Callable[[dict[str, Any], int], Asked]]] = {
    "person": {
        "identify": _identify,
        "delete": _bare,
        **dict.fromkeys(TYPES, _event),
        "add_device": _device,
        "delete_device": _device,
        "merge": _merge,
        "suppress": _bare,
        "unsuppress": _bare,
        **dict.fromkeys(_LINKS, _links),
    },
    "object": {"identify": _object, "delete": _object, **dict.fromkeys(_LINKS, _object_links)},
    "delivery": {"event": _delivery},
}
_OPERATIONS = {
    **{("person", action): TYPES.get(action, "merge_customers" if action == "merge" else action) for action in _READERS["person"]},
    **{("object", action): action for action in _LINKS},
    ("object", "identify"): "identify_object",
    ("object", "delete"): "delete_object",
    ("delivery", "event"): "report_push",
}
