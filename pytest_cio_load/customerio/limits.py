"""What Customer.io refuses, and the words it refuses with.

The rules are pure and are asked twice: by the client before it sends, and by the fake when something arrived.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTIFIER_BYTES = 150
ATTRIBUTE_NAME_BYTES = 150
ATTRIBUTE_VALUE_BYTES = 1_000
ATTRIBUTES = 300
EVENT_NAME_BYTES = 100
EVENT_DATA_BYTES = 100_000

ITEM_BYTES = 32_000
"""Of one operation of version 2. Customer.io says "32 kb" and not how many bytes a kb has; this fits by either reading."""

BATCH_BYTES = 500_000
"""Of a whole batch; "500 kb" in Customer.io's words, and again the smaller reading."""

STRUCTURED = frozenset({"cio_relationships", "cio_subscription_preferences"})
"""Reserved names of an identify body that hold structures, to which the limit of a value does not apply."""

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Customer.io would not take an operation.

    Attributes:
        says: Customer.io's own words.
        got: what it was given: a count, a type or a name, never a value.
        fix: the nearest change that would be taken.
    """

    says: str
    got: str
    fix: str

    def describe(self) -> str:
        """One line: ``event name must not be blank: got blank text; name the event``."""
        return f"{self.says}: got {self.got}; {self.fix}"


class NotJson(ValueError):
    """A value without a JSON form. The text names where it sits and never shows it."""


def _unix(value: object) -> int:
    if isinstance(value, datetime):
        return unix_seconds(value)
    raise TypeError


# Built once: json.dumps makes a new encoder on every call that has any option.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_unix)


def unix_seconds(moment: datetime) -> int:
    """Whole seconds since 1970. A datetime without a zone is taken as UTC, as Customer.io's own client does."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def encode(value: object, what: str) -> bytes:
    """Compact UTF-8 JSON; datetimes become whole unix seconds.

    Raises:
        NotJson: NaN, an infinity or a value without a JSON form; the text begins with *what* and the name of the guilty entry.
    """
    try:
        return _ENCODER.encode(value).encode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise NotJson(_blame(value, what)) from None


def _blame(value: object, what: str) -> str:
    """Name the entry of *value* that cannot be encoded; the guilty one is looked for only once encoding has failed."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not _encodes(inner):
                return _blame(inner, f"{what} {name!r}" if isinstance(name, str) else f"{what} entry")
        return f"{what}: got a name that has no JSON form; expected str; write str(name)"
    if isinstance(value, (list, tuple)):
        for place, inner in enumerate(value):
            if not _encodes(inner):
                return _blame(inner, f"{what}[{place}]")
    if isinstance(value, float) and not math.isfinite(value):
        return f"{what}: got {value}, which JSON cannot hold; expected a finite number; leave it out or send None"
    if isinstance(value, str):
        return f"{what}: got text with a lone surrogate; expected valid Unicode; decode the bytes it came from with errors='replace'"
    return f"{what}: got {type(value).__name__}; expected str, number, bool, None, list, dict or datetime; write str(...) or float(...)"


def _encodes(value: object) -> bool:
    try:
        _ENCODER.encode(value).encode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


def size(value: object) -> int:
    """Bytes Customer.io counts for a value: text by itself, everything else as JSON.

    Lenient, since the fake must be able to measure whatever a stranger sent.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_unix)
    return len(text.encode(errors="surrogatepass"))


def is_ulid(text: object) -> TypeGuard[str]:
    """True for 26 characters of Crockford's base 32 that fit in 128 bits."""
    return isinstance(text, str) and _ULID.fullmatch(text) is not None


def refuse_identifier(identifier: object) -> Refusal | None:
    """Why *identifier* cannot name a person, or None."""
    if identifier is None:
        return Refusal("id attribute must be present", "None", "pass an id, an email or 'cio_' and a cio_id")
    if not isinstance(identifier, str):
        return Refusal("id attribute must be a string value", type(identifier).__name__, "write str(identifier)")
    if not identifier:
        return Refusal("id attribute cannot be an empty string", "an empty string", "pass an id, an email or 'cio_' and a cio_id")
    length = size(identifier)
    if length > IDENTIFIER_BYTES:
        return Refusal("id attribute cannot be longer than 150 bytes", f"{length} bytes", f"shorten it by {length - IDENTIFIER_BYTES}")
    return None


def refuse_attributes(attributes: Mapping[str, object], body_bytes: int) -> Refusal | None:
    """Why an identify call with these attributes is refused, or None.

    Args:
        attributes: the flat attributes object.
        body_bytes: the size of its JSON; a body smaller than a limit cannot break that limit.
    """
    if "id" in attributes and (refusal := refuse_identifier(attributes["id"])):
        return refusal
    if len(attributes) > ATTRIBUTES:
        over = len(attributes) - ATTRIBUTES
        return Refusal("cannot identify more than 300 attributes in one request", str(len(attributes)), f"move {over} to a second identify")
    if body_bytes <= ATTRIBUTE_NAME_BYTES:
        return None
    for name, value in attributes.items():
        if (length := size(name)) > ATTRIBUTE_NAME_BYTES:
            over = length - ATTRIBUTE_NAME_BYTES
            return Refusal("attribute name cannot be longer than 150 bytes", f"{length} bytes", f"shorten it by {over}")
        if body_bytes > ATTRIBUTE_VALUE_BYTES and name not in STRUCTURED and (length := size(value)) > ATTRIBUTE_VALUE_BYTES:
            says = f"value for attribute '{name}' cannot be longer than 1000 bytes"
            return Refusal(says, f"{length} bytes", f"shorten it by {length - ATTRIBUTE_VALUE_BYTES}")
    return None


def refuse_event(name: object, data: object, body_bytes: int) -> Refusal | None:
    """Why an event is refused, or None.

    Args:
        name: the event's name.
        data: its data, or None for no data.
        body_bytes: the size of the whole event's JSON.
    """
    if not isinstance(name, str):
        return Refusal("event name must not be blank", type(name).__name__, "name the event with text")
    if not name.strip():
        return Refusal("event name must not be blank", "blank text", "name the event")
    length = size(name.strip())
    if length > EVENT_NAME_BYTES:
        return Refusal("event name cannot be longer than 100 bytes", f"{length} bytes", f"shorten it by {length - EVENT_NAME_BYTES}")
    if data is not None and not isinstance(data, dict):
        return Refusal("event data must be a hash", type(data).__name__, "pass a dict")
    if body_bytes > EVENT_DATA_BYTES and data is not None and (length := size(data)) > EVENT_DATA_BYTES:
        return Refusal("event data cannot be longer than 100000 bytes", f"{length} bytes", "send less, or split the event")
    return None
