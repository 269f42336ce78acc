"""Operations on the devices that a person gets push messages on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pytest_cio_load.customerio.limits import refuse_attributes
from pytest_cio_load.customerio.operations.operation import Operation, body_of, check_choice, check_text, path_of, seconds, segment
from pytest_cio_load.errors import InvalidOperation

PLATFORMS = ("ios", "android")


def add_device(
    identifier: str,
    device_id: str,
    platform: str,
    *,
    last_used: int | datetime | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Operation:
    """Add a device to a person, or update it.

    Args:
        identifier: an id, an email, or ``cio_`` and a cio_id.
        device_id: its push token.
        platform: ios or android.
        last_used: in unix seconds.
        attributes: what else is known about the device.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    path = path_of("add_device", identifier) + "/devices"
    device: dict[str, object] = {
        "id": check_text("add_device", "device_id", device_id),
        "platform": check_choice("add_device", "platform", platform, PLATFORMS),
    }
    if last_used is not None:
        device["last_used"] = seconds("add_device", last_used)
    if attributes is not None:
        device["attributes"] = dict(attributes)
    body = body_of("add_device", {"device": device}, "device")
    if attributes is not None and (refusal := refuse_attributes({k: v for k, v in attributes.items() if k != "id"}, len(body))):
        raise InvalidOperation("add_device", refusal.describe())
    return Operation("add_device", "PUT", path, body, repeatable=True, people=(identifier,))


def delete_device(identifier: str, device_id: str) -> Operation:
    """Take a device away from a person; one they do not have is no error.

    Raises:
        InvalidOperation: the identifier cannot name a person, or the device id is blank.
    """
    path = path_of("delete_device", identifier)
    device = segment(check_text("delete_device", "device_id", device_id))
    return Operation("delete_device", "DELETE", f"{path}/devices/{device}", None, repeatable=True, people=(identifier,))
