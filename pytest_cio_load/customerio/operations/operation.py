"""One thing asked of Customer.io, as a value, and the checks that the making of every kind of it shares."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_cio_load.customerio.limits import NotJson, encode, is_ulid, refuse_identifier, unix_seconds
from pytest_cio_load.errors import InvalidOperation, near_miss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CUSTOMERS = "/api/v1/customers/"
"""Where every person lives; the percent-encoded identifier follows."""

ID_TYPES = ("id", "email", "cio_id")

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SURROGATE = "got text with a lone surrogate; expected valid Unicode; decode the bytes it came from with errors='replace'"


class Auth(Enum):
    """Which credentials an operation needs."""

    BASIC = "basic"
    BEARER = "bearer"
    NONE = "none"


class Host(Enum):
    """Which of Customer.io's hosts an operation goes to."""

    TRACK = "track"
    APP = "app"


@dataclass(slots=True, unsafe_hash=True)  # one of each call, and a frozen one takes four times as long to make
class Operation:
    """One thing asked of Customer.io; never changed.

    Attributes:
        name: ``identify``, ``track``, ``delete``, …: the metric it is measured under.
        method: of the request.
        path: of the request, percent-encoded; never shown, for it holds a person's identifier.
        body: compact JSON, or None; never shown.
        repeatable: True when sending it twice has the effect of sending it once.
        auth: the credentials it needs.
        host: where it goes.
        people: the identifiers of whom it is about, as a path would hold them; never shown.
    """

    name: str
    method: str
    path: str = field(repr=False)
    body: bytes | None = field(repr=False)
    repeatable: bool
    auth: Auth = field(default=Auth.BASIC, repr=False)
    host: Host = field(default=Host.TRACK, repr=False)
    people: tuple[str, ...] = field(default=(), repr=False)


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


new_ulid = Ulids()
"""Makes the ids of events that are built outside of a client."""


def segment(text: str) -> str:
    """One segment of a path. A reader of percent-encoding gets *text* back, whatever is in it.

    A lone ``.`` or ``..`` is encoded as well, since it would otherwise mean a folder.
    """
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def person_path(identifier: str) -> str:
    """The path of a person; see :func:`segment`."""
    return CUSTOMERS + segment(identifier)


def path_of(operation: str, identifier: object) -> str:
    """The path of a person. Raises InvalidOperation when *identifier* cannot name one."""
    check_person(operation, identifier)
    return person_path(str(identifier))


def check_person(operation: str, identifier: object) -> str:
    """*identifier*, when it can name a person. Raises InvalidOperation."""
    if refusal := refuse_identifier(identifier):
        raise InvalidOperation(operation, refusal.describe())
    return _unicode(operation, "identifier", str(identifier))


def check_text(operation: str, what: str, value: object) -> str:
    """*value*, when it is text with something in it. Raises InvalidOperation."""
    if not isinstance(value, str):
        raise InvalidOperation(operation, f"{what}: got {type(value).__name__}; expected str; write str(...)")
    if not value.strip():
        raise InvalidOperation(operation, f"{what}: got blank text; expected the {what}; pass it")
    return _unicode(operation, what, value)


def _unicode(operation: str, what: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidOperation(operation, f"{what}: {_SURROGATE}") from None
    return text


def check_choice(operation: str, what: str, value: object, known: Iterable[str]) -> str:
    """*value*, when it is one of *known*, which are Customer.io's own words. Raises InvalidOperation."""
    known = tuple(known)
    if isinstance(value, str) and value in known:
        return value
    got = repr(value[:30]) if isinstance(value, str) else type(value).__name__
    hint = near_miss(value, known) if isinstance(value, str) else ""
    raise InvalidOperation(operation, f"{what}: got {got}; expected {', '.join(known)}; {hint or f'try {known[0]!r}'}")


def named(id_type: str, value: str) -> str:
    """How a path names the person whose *id_type* is *value*."""
    return f"cio_{value.removeprefix('cio_')}" if id_type == "cio_id" else value


def body_of(operation: str, value: Mapping[str, object], what: str) -> bytes:
    """Compact JSON. Raises InvalidOperation, naming the guilty entry after *what*, when a value has none."""
    try:
        return encode(value, what)
    except NotJson as error:
        raise InvalidOperation(operation, str(error)) from None


def event_id(operation: str, given: str | None, new_id: Callable[[], str]) -> str:
    """The ULID of an event, made when none is given. Raises InvalidOperation when the given one is none."""
    if given is None:
        return new_id()
    if not is_ulid(given):
        raise InvalidOperation(operation, "id: got text that is no ULID; expected 26 characters of base 32; leave it out and one is made")
    return given


def seconds(operation: str, timestamp: object) -> int:
    """Whole unix seconds. Raises InvalidOperation for anything but an int and a datetime."""
    if isinstance(timestamp, datetime):
        return unix_seconds(timestamp)
    if isinstance(timestamp, int) and not isinstance(timestamp, bool):
        return timestamp
    got = type(timestamp).__name__
    raise InvalidOperation(operation, f"timestamp: got {got}; expected whole unix seconds or a datetime; write int(...)")
