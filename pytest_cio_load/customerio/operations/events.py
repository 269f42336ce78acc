"""Operations that say what happened. Each gets a ULID, by which Customer.io ignores a second one, so that all can be sent again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from pytest_cio_load.customerio.limits import refuse_event
from pytest_cio_load.customerio.operations.operation import Operation, body_of, check_text, event_id, new_ulid, path_of, seconds
from pytest_cio_load.errors import InvalidOperation

Data = Mapping[str, object] | None
Moment = int | datetime | None


def track(
    identifier: str,
    name: str,
    data: Data = None,
    *,
    id: str | None = None,
    timestamp: Moment = None,
    new_id: Callable[[], str] = new_ulid,
) -> Operation:
    """Send an event of a person.

    Args:
        identifier: an id, an email, or ``cio_`` and a cio_id.
        name: what happened; at most 100 bytes.
        data: what else is known about it; at most 100,000 bytes of JSON.
        id: its ULID; Customer.io ignores a second event of the same ULID. Made when not given, so that a retry cannot duplicate.
        timestamp: when it happened, in unix seconds; None for on arrival.
        new_id: makes the ULID.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    path = path_of("track", identifier) + "/events"
    body = _event("track", name, data, id, timestamp, new_id, {})
    return Operation("track", "POST", path, body, repeatable=True, people=(identifier,))


def page(
    identifier: str,
    page: str,
    data: Data = None,
    *,
    id: str | None = None,
    timestamp: Moment = None,
    new_id: Callable[[], str] = new_ulid,
) -> Operation:
    """Send that a person viewed a web page.

    Args:
        identifier: an id, an email, or ``cio_`` and a cio_id.
        page: its URL; at most 100 bytes, as the name of any event.
        data, id, timestamp, new_id: as of :func:`track`.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    path = path_of("page", identifier) + "/events"
    body = _event("page", page, data, id, timestamp, new_id, {"type": "page"})
    return Operation("page", "POST", path, body, repeatable=True, people=(identifier,))


def screen(
    identifier: str,
    screen: str,
    data: Data = None,
    *,
    id: str | None = None,
    timestamp: Moment = None,
    new_id: Callable[[], str] = new_ulid,
) -> Operation:
    """Send that a person viewed a screen of a mobile app.

    Args:
        identifier: an id, an email, or ``cio_`` and a cio_id.
        screen: its name; at most 100 bytes.
        data, id, timestamp, new_id: as of :func:`track`.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    path = path_of("screen", identifier) + "/events"
    body = _event("screen", screen, data, id, timestamp, new_id, {"type": "screen"})
    return Operation("screen", "POST", path, body, repeatable=True, people=(identifier,))


def track_anonymous(
    anonymous_id: str | None,
    name: str,
    data: Data = None,
    *,
    id: str | None = None,
    timestamp: Moment = None,
    new_id: Callable[[], str] = new_ulid,
) -> Operation:
    """Send an event of somebody not known yet; or invite somebody, who is never going to be.

    Args:
        anonymous_id: joins the event to a person once one is identified with it; None for an invite, whose data has a ``recipient``.
        name, data, id, timestamp, new_id: as of :func:`track`.

    Raises:
        InvalidOperation: Customer.io would refuse it, a value has no JSON form, or there is neither an anonymous id nor a recipient.
    """
    extra: dict[str, object] = {}
    people: tuple[str, ...] = ()
    if anonymous_id is not None:
        extra["anonymous_id"] = check_text("track_anonymous", "anonymous_id", anonymous_id)
        people = (anonymous_id,)
    body = _event("track_anonymous", name, data, id, timestamp, new_id, extra)
    if anonymous_id is None:
        recipient = data.get("recipient") if data is not None else None
        if not isinstance(recipient, str) or not recipient:
            reason = "anonymous_id: got None and no recipient; expected one of them; pass data={'recipient': …} to invite somebody"
            raise InvalidOperation("track_anonymous", reason)
        people = (recipient,)
    return Operation("track_anonymous", "POST", "/api/v1/events", body, repeatable=True, people=people)


def _event(
    operation: str, name: str, data: Data, id: str | None, timestamp: Moment, new_id: Callable[[], str], extra: dict[str, object]
) -> bytes:
    """The body of an event."""
    if isinstance(data, Mapping) and not isinstance(data, dict):
        data = dict(data)
    if refusal := refuse_event(name, data, 0):
        raise InvalidOperation(operation, refusal.describe())
    event: dict[str, object] = {"name": name, "id": event_id(operation, id, new_id), **extra}
    if timestamp is not None:
        event["timestamp"] = seconds(operation, timestamp)
    if data is not None:
        event["data"] = data
    body = body_of(operation, event, "event")
    if refusal := refuse_event(name, data, len(body)):
        raise InvalidOperation(operation, refusal.describe())
    return body
