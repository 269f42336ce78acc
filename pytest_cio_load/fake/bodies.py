"""Reads requests of the Track API, v1: what they ask for, once Customer.io would take it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pytest_cio_load.customerio.limits import Refusal, refuse_attributes, refuse_event, refuse_identifier
from pytest_cio_load.fake import texts
from pytest_cio_load.fake.persons import Kind, Name, named
from pytest_cio_load.fake.routes import Route
from pytest_cio_load.fake.texts import Refused, meta_error, meta_errors

Asked = tuple[str, Name, dict[str, Any]]
"""An operation, whom it concerns, and its content as `People.apply` takes it."""

NOBODY: Name = ("id", "")
"""Whom an operation concerns that names no one person."""

PLATFORMS = frozenset({"ios", "android"})
TYPES = {"event": "track", "page": "page", "screen": "screen"}
_KINDS: tuple[Kind, ...] = ("id", "email", "cio_id")


def read(route: Route, body: bytes) -> Asked:
    """What a request asks for. Raises Refused, with the answer, when Customer.io would not take it."""
    return _READERS[route.operation](route, body)


def parsed(body: bytes) -> Any:
    """The JSON in a body, as ``json.loads`` reads bytes. Raises ValueError, for NaN and infinities too, and RecursionError."""
    return _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))


def content_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises Refused."""
    try:
        content = parsed(body)
    except (ValueError, RecursionError):
        raise Refused(400, meta_error(texts.NOT_JSON)) from None
    if not isinstance(content, dict):
        raise Refused(400, meta_error(texts.NOT_OBJECT))
    return content


def _person(route: Route) -> Name:
    _check(refuse_identifier(route.identifier or None))
    return named(route.identifier)


def _identify(route: Route, body: bytes) -> Asked:
    name, content = _person(route), content_of(body)
    _check(refuse_attributes(content, len(body)))
    return "identify", name, content


def _event(route: Route, body: bytes) -> Asked:
    name = NOBODY if route.operation == "track_anonymous" else _person(route)
    content = content_of(body)
    _check(refuse_event(content.get("name"), content.get("data"), len(body)))
    kind = content.get("type") or "event"
    if not isinstance(kind, str) or kind not in TYPES:
        raise Refused(400, meta_error(texts.EVENT_TYPE))
    if route.operation == "track_anonymous":
        anonymous = content.get("anonymous_id")
        return "track_anonymous", NOBODY, {**content, "anonymous_id": anonymous if isinstance(anonymous, str) and anonymous else None}
    return TYPES[kind], name, content


def _bare(route: Route, body: bytes) -> Asked:
    return route.operation, _person(route), {}


def _add_device(route: Route, body: bytes) -> Asked:
    name, device = _person(route), content_of(body).get("device")
    if not isinstance(device, dict):
        raise Refused(400, meta_errors(texts.DEVICE))
    says = [texts.DEVICE_ID] if not _is_text(device.get("id")) else []
    says += [texts.PLATFORM] if not is_platform(device.get("platform")) else []
    if says:
        raise Refused(400, meta_errors(*says))
    return "add_device", name, {"device": device}


def _delete_device(route: Route, body: bytes) -> Asked:
    if not route.extra:
        raise Refused(400, meta_errors(texts.DEVICE_ID))
    return "delete_device", _person(route), {"device": route.extra}


def _merge(route: Route, body: bytes) -> Asked:
    content = content_of(body)
    return "merge_customers", NOBODY, {role: _one_of(content.get(role), role) for role in ("primary", "secondary")}


def _one_of(who: object, role: str) -> Name:
    names = names_in(who)
    if len(names) != 1:
        raise Refused(400, meta_error(texts.MERGE.format(role)))
    return names[0]


def names_in(who: object) -> list[Name]:
    """Every name in an object of identifiers."""
    if not isinstance(who, dict):
        return []
    return [(kind, who[kind].removeprefix("cio_") if kind == "cio_id" else who[kind]) for kind in _KINDS if _is_text(who.get(kind))]


def _metric(route: Route, body: bytes) -> Asked:
    content = content_of(body)
    metric = content.get("event" if route.operation == "report_push" else "metric")
    for value, says in ((content.get("delivery_id"), texts.DELIVERY_ID), (metric, texts.METRIC)):
        if not _is_text(value):
            raise Refused(400, meta_errors(says))
    return route.operation, NOBODY, {"delivery_id": content["delivery_id"], "metric": metric}


def _unsubscribe(route: Route, body: bytes) -> Asked:
    if content_of(body).get("unsubscribe") is not True:
        raise Refused(400, meta_errors(texts.UNSUBSCRIBE))
    return "unsubscribe", NOBODY, {"delivery_id": route.identifier, "metric": "unsubscribed"}


def _form(route: Route, body: bytes) -> Asked:
    data = content_of(body).get("data")
    names: list[Name] = [name for name in names_in(data) if name[0] != "cio_id"]
    if not isinstance(data, dict) or len(names) != 1:
        raise Refused(400, meta_errors(texts.FORM_DATA))
    _check(refuse_identifier(names[0][1]) or refuse_attributes(data, len(body)))
    return "submit_form", names[0], {"form": route.identifier, "data": data}


def _segment(route: Route, body: bytes) -> Asked:
    ids, kind = content_of(body).get("ids"), route.parameters().get("id_type", "id")
    if kind not in _KINDS:
        raise Refused(400, meta_errors(texts.ID_TYPE))
    if not isinstance(ids, list) or not 1 <= len(ids) <= 1000 or not all(isinstance(one, str) for one in ids):
        raise Refused(400, meta_errors(texts.SEGMENT_IDS))
    return route.operation, NOBODY, {"segment": segment_id(route.identifier), "names": [(kind, one) for one in ids]}


def segment_id(text: str) -> int:
    """The number of a segment in a path. Raises Refused."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused(400, meta_errors(texts.SEGMENT_ID))
    return int(text)


def is_platform(value: object) -> bool:
    """Whether a device can have it."""
    return isinstance(value, str) and value in PLATFORMS


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _check(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise Refused(400, meta_error(refusal.says))


def _no_constant(name: str) -> None:
    raise ValueError(f"got {name}, expected JSON, which has no such number")


# ``json.loads`` would make one for each body.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)


_READERS: dict[str, Callable[[Route, bytes], Asked]] = {
    "identify": _identify,
    "track": _event,
    "track_anonymous": _event,
    "delete": _bare,
    "suppress": _bare,
    "unsuppress": _bare,
    "add_device": _add_device,
    "delete_device": _delete_device,
    "merge_customers": _merge,
    "report_metric": _metric,
    "report_push": _metric,
    "unsubscribe": _unsubscribe,
    "submit_form": _form,
    "add_customers_to_segment": _segment,
    "remove_customers_from_segment": _segment,
}
