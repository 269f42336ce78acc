"""Who is in the fake workspace, and what was sent about them: applies operations that have been found valid."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from pytest_cio_load.customerio.limits import is_ulid
from pytest_cio_load.fake.tally import Outcome

_INSTRUCTIONS = frozenset({"_update", "_timestamp"})
"""Reserved names of an identify body that say what to do, and are not stored."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was applied.

    Attributes:
        person: the id of whose it is; their email, if they have no id.
        name: without the spaces around it.
        data: what was sent with it.
        id: its ULID, or None.
        timestamp: unix seconds, or None.
        type: ``event``, ``page`` or ``screen``.
    """

    person: str
    name: str
    data: dict[str, Any] = field(repr=False)
    id: str | None = None
    timestamp: int | None = None
    type: str = "event"


class People:
    """The people of a workspace, by id and by email. Not for several threads at once.

    Somebody is known by an id, an email, or both. What accepts a request but does not apply it is ``dropped``.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.deletions: list[str] = []
        self._people: dict[str, dict[str, Any]] = {}
        self._by_email: dict[str, str] = {}
        self._seen: set[str] = set()

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """A copy of everyone: their id, or their email if they have none, to their attributes."""
        return copy.deepcopy(self._people)

    def apply(self, operation: str, identifier: str, content: dict[str, Any]) -> Outcome:
        """Do what an ``identify``, ``track`` or ``delete`` asks for."""
        if identifier.startswith("cio_"):
            # Nobody here has a cio_id yet, and Customer.io drops what names an unknown one.
            return "dropped"
        if operation == "identify":
            return self._identify(identifier, content)
        return self._track(identifier, content) if operation == "track" else self._delete(identifier)

    def _find(self, identifier: str) -> str | None:
        """The key of whoever has this id or email."""
        return self._by_email.get(identifier) or (identifier if identifier in self._people else None)

    def _identify(self, identifier: str, content: dict[str, Any]) -> Outcome:
        by_email = _is_email(identifier)
        email = content.get("email")
        claims = (identifier, content.get("id"), email if _is_email(email) else None)
        keys = {key for claim in claims if claim and (key := self._find(claim))}
        # Either the identifiers belong to different people, or an update was asked for and there is nobody to update.
        if len(keys) > 1 or (content.get("_update") is True and not keys):
            return "dropped"
        known = self._forget(keys.pop()) if keys else {}
        person = {**known, **{name: value for name, value in content.items() if name not in _INSTRUCTIONS}}
        # Whoever has an id keeps it; an email may change.
        if name := known.get("id") or (content.get("id") if by_email else identifier):
            person["id"] = name
        if by_email and not _is_email(email):
            person["email"] = identifier
        self._remember(person)
        return "applied"

    def _track(self, identifier: str, content: dict[str, Any]) -> Outcome:
        ulid = content.get("id")
        if is_ulid(ulid):
            if ulid in self._seen:
                return "duplicate"
            self._seen.add(ulid)
        key = self._find(identifier)
        if key is None:
            key = self._remember({"email" if _is_email(identifier) else "id": identifier})
        event = Event(
            key,
            content["name"].strip(),
            content.get("data") or {},
            ulid,
            content.get("timestamp"),
            content.get("type") or "event",
        )
        self.events.append(event)
        return "applied"

    def _delete(self, identifier: str) -> Outcome:
        key = self._find(identifier)
        if key is not None:
            self._forget(key)
        self.deletions.append(identifier)
        return "applied"

    def _remember(self, person: dict[str, Any]) -> str:
        key: str = person.get("id") or person["email"]
        self._people[key] = person
        if _is_email(person.get("email")):
            self._by_email[person["email"]] = key
        return key

    def _forget(self, key: str) -> dict[str, Any]:
        person = self._people.pop(key)
        if _is_email(person.get("email")):
            self._by_email.pop(person["email"], None)
        return person


def _is_email(identifier: object) -> bool:
    """The type of an identifier is decided from its shape."""
    name, at, domain = identifier.partition("@") if isinstance(identifier, str) else ("", "", "")
    return bool(name and at and domain)
