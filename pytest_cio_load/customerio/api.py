"""What may be asked of Customer.io, as values: regions, workspaces, and the operations of the Track API.

An operation is made by a function that checks it, so that what Customer.io would refuse is refused here, before it is sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pytest_cio_load.customerio.limits import (
    NotJson,
    encode,
    is_ulid,
    refuse_attributes,
    refuse_event,
    refuse_identifier,
    unix_seconds,
)
from pytest_cio_load.customerio.pacing import check_rate
from pytest_cio_load.errors import InvalidOperation

if TYPE_CHECKING:
    from collections.abc import Callable

HOUSE_BUDGET = 100.0
"""Requests per second a workspace gets unless told otherwise: far under Customer.io's soft limit of 1,000."""

CUSTOMERS = "/api/v1/customers/"
"""Where every person lives; the percent-encoded identifier follows."""

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Region(Enum):
    """Where an account's data is kept. All workspaces of an account share one region."""

    US = "us"
    EU = "eu"

    @property
    def track_host(self) -> str:
        """The Track API's host in this region."""
        return "track.customer.io" if self is Region.US else "track-eu.customer.io"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Customer.io workspace: its own credentials, its own rate budget.

    Attributes:
        site_id: the user name of basic authentication.
        api_key: its password; never shown.
        region: decides the host.
        limit: requests per second the workspace allows.
        pace: requests per second we keep to, or None for as many as the limit.
        url: another server in place of the region's host, such as "http://127.0.0.1:8080", or None.

    Raises:
        ValueError: a site id that basic authentication cannot carry, a rate that is none, or a url that is no http(s) address.
    """

    site_id: str
    api_key: str = field(repr=False)
    region: Region = Region.US
    limit: float = HOUSE_BUDGET
    pace: float | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if not self.site_id or ":" in self.site_id:
            got = "a colon in it" if self.site_id else "an empty one"
            raise ValueError(f"site_id: got {got}; expected text without a colon; copy the Site ID of the workspace's Track API key")
        if not self.api_key:
            raise ValueError("api_key: got an empty one; expected the workspace's Track API key; copy it from the workspace's settings")
        for name, rate in (("limit", self.limit), ("pace", self.pace)):
            if rate is not None:
                check_rate(name, rate)
        if self.url is not None:
            _check_url(self.url)

    @property
    def base_url(self) -> str:
        """Scheme, host and port that every request goes to, without a slash at the end."""
        return f"https://{self.region.track_host}" if self.url is None else self.url.rstrip("/")

    @property
    def rate(self) -> float:
        """Requests per second we keep to."""
        return self.limit if self.pace is None else self.pace


def _check_url(url: str) -> None:
    expected = "expected scheme, host and port; try 'http://127.0.0.1:8080'"
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(f"url: got an address that cannot be read; {expected}") from None
    if "@" in parts.netloc:
        raise ValueError(f"url: got a user name or password in it; {expected}")
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_sound or parts.query or parts.fragment:
        raise ValueError(f"url: got {url!r}; {expected}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing asked of Customer.io.

    Attributes:
        name: ``identify``, ``track``, ``delete``: the metric it is measured under.
        method: of the request.
        path: of the request, percent-encoded; never shown, for it holds a person's identifier.
        body: compact JSON, or None; never shown.
        repeatable: True when sending it twice has the effect of sending it once.
    """

    name: str
    method: str
    path: str = field(repr=False)
    body: bytes | None = field(repr=False)
    repeatable: bool


class Ulids:
    """Makes ULIDs: 48 bits of time, 80 bits of chance, as 26 characters of Crockford's base 32.

    Args:
        rng: where chance comes from; seeded, the same ids are made at the same times.
        clock: unix seconds.
    """

    def __init__(self, rng: Random | None = None, clock: Callable[[], float] = time.time) -> None:
        self._rng = rng or Random()
        self._clock = clock

    def __call__(self) -> str:
        """A new ULID."""
        number = (int(self._clock() * 1000) & (1 << 48) - 1) << 80 | self._rng.getrandbits(80)
        return "".join([_BASE32[number >> shift & 31] for shift in range(125, -1, -5)])


_new_ulid = Ulids()


def person_path(identifier: str) -> str:
    """The path of a person. A reader of percent-encoding gets the identifier back, whatever is in it.

    A lone ``.`` or ``..`` is encoded as well, since it would otherwise mean a folder.
    """
    return CUSTOMERS + (identifier.replace(".", "%2E") if identifier in (".", "..") else quote(identifier, safe=""))


def identify(identifier: str, attributes: Mapping[str, object]) -> Operation:
    """Add or update a person.

    Args:
        identifier: an id, an email, or ``cio_`` and a cio_id.
        attributes: names to values; datetimes become whole unix seconds.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    path = _path("identify", identifier)
    for name in attributes:
        if not isinstance(name, str):
            raise InvalidOperation("identify", f"attribute name: got {type(name).__name__}; expected str; write str(name)")
    body = _body("identify", dict(attributes), "attribute")
    if refusal := refuse_attributes(attributes, len(body)):
        raise InvalidOperation("identify", refusal.describe())
    return Operation("identify", "PUT", path, body, repeatable=True)


def track(
    identifier: str,
    name: str,
    data: Mapping[str, object] | None = None,
    *,
    id: str | None = None,
    timestamp: int | datetime | None = None,
    new_id: Callable[[], str] = _new_ulid,
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
    path = _path("track", identifier)
    if isinstance(data, Mapping) and not isinstance(data, dict):
        data = dict(data)
    if refusal := refuse_event(name, data, 0):
        raise InvalidOperation("track", refusal.describe())
    event: dict[str, object] = {"name": name, "id": _event_id(id, new_id)}
    if timestamp is not None:
        event["timestamp"] = _seconds(timestamp)
    if data is not None:
        event["data"] = data
    body = _body("track", event, "event")
    if refusal := refuse_event(name, data, len(body)):
        raise InvalidOperation("track", refusal.describe())
    return Operation("track", "POST", f"{path}/events", body, repeatable=True)


def delete(identifier: str) -> Operation:
    """Delete a person; one who does not exist is no error.

    Raises:
        InvalidOperation: the identifier cannot name a person.
    """
    return Operation("delete", "DELETE", _path("delete", identifier), None, repeatable=True)


def _path(operation: str, identifier: object) -> str:
    if refusal := refuse_identifier(identifier):
        raise InvalidOperation(operation, refusal.describe())
    try:
        return person_path(str(identifier))
    except UnicodeEncodeError:
        reason = "identifier: got text with a lone surrogate; expected valid Unicode; decode the bytes it came from with errors='replace'"
        raise InvalidOperation(operation, reason) from None


def _body(operation: str, value: dict[str, object], what: str) -> bytes:
    try:
        return encode(value, what)
    except NotJson as error:
        raise InvalidOperation(operation, str(error)) from None


def _event_id(given: str | None, new_id: Callable[[], str]) -> str:
    if given is None:
        return new_id()
    if not is_ulid(given):
        raise InvalidOperation("track", "id: got text that is no ULID; expected 26 characters of base 32; leave it out and one is made")
    return given


def _seconds(timestamp: object) -> int:
    if isinstance(timestamp, datetime):
        return unix_seconds(timestamp)
    if isinstance(timestamp, int) and not isinstance(timestamp, bool):
        return timestamp
    got = type(timestamp).__name__
    raise InvalidOperation("track", f"timestamp: got {got}; expected whole unix seconds or a datetime; write int(...)")
