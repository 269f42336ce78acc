"""Operations that say what became of a message. They need no credentials.

A metric has no id of its own, so that one sent twice may be counted twice: none is sent again when its answer is lost.
"""

from __future__ import annotations

from datetime import datetime

from pytest_cio_load.customerio.operations.operation import Auth, Operation, body_of, check_choice, check_text, seconds, segment

PUSH_EVENTS = ("opened", "converted", "delivered")


def report_metric(
    delivery_id: str,
    metric: str,
    *,
    timestamp: int | datetime | None = None,
    recipient: str | None = None,
    reason: str | None = None,
    href: str | None = None,
) -> Operation:
    """Report what became of a message, such as ``delivered``, ``opened`` or ``clicked``.

    Args:
        delivery_id: the message's, which Customer.io gave out.
        metric: what became of it, in Customer.io's words.
        timestamp: when, in unix seconds; None for on arrival.
        recipient: whom it was for.
        reason: why it failed.
        href: the link that was followed.

    Raises:
        InvalidOperation: a blank id or metric, or text that is none.
    """
    body: dict[str, object] = {
        "delivery_id": check_text("report_metric", "delivery_id", delivery_id),
        "metric": check_text("report_metric", "metric", metric),
    }
    if timestamp is not None:
        body["timestamp"] = seconds("report_metric", timestamp)
    for name, value in (("recipient", recipient), ("reason", reason), ("href", href)):
        if value is not None:
            body[name] = check_text("report_metric", name, value)
    content = body_of("report_metric", body, "metric")
    return Operation("report_metric", "POST", "/api/v1/metrics", content, repeatable=False, auth=Auth.NONE)


def report_push(delivery_id: str, event: str, device_id: str, *, timestamp: int | datetime | None = None) -> Operation:
    """Report what became of a push message. Customer.io keeps this call for older apps; new ones use :func:`report_metric`.

    Args:
        delivery_id: the message's, which came with it.
        event: opened, converted or delivered.
        device_id: the push token of the device it arrived on.
        timestamp: when, in unix seconds; None for on arrival.

    Raises:
        InvalidOperation: a blank id, or an event that is none of the three.
    """
    body: dict[str, object] = {
        "delivery_id": check_text("report_push", "delivery_id", delivery_id),
        "event": check_choice("report_push", "event", event, PUSH_EVENTS),
        "device_id": check_text("report_push", "device_id", device_id),
    }
    if timestamp is not None:
        body["timestamp"] = seconds("report_push", timestamp)
    content = body_of("report_push", body, "push event")
    return Operation("report_push", "POST", "/api/v1/push/events", content, repeatable=False, auth=Auth.NONE)


def unsubscribe(delivery_id: str) -> Operation:
    """Unsubscribe whoever got a message, as the link in it does.

    Raises:
        InvalidOperation: a blank id.
    """
    path = "/unsubscribe/" + segment(check_text("unsubscribe", "delivery_id", delivery_id))
    return Operation("unsubscribe", "POST", path, b'{"unsubscribe":true}', repeatable=True, auth=Auth.NONE)
