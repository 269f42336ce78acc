"""A person, and finding one by id, email or cio_id."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["id", "email", "cio_id"]

Name = tuple[Kind, str]
"""What somebody is called by."""


@dataclass(slots=True, eq=False)
class Person:
    """Somebody in the workspace, as they are now.

    Attributes:
        cio_id: Customer.io's own name for them, which never changes.
        attributes: names to values, ``id`` and ``email`` among them.
        devices: by token: platform, last_used and attributes as they were sent.
        segments: the manual segments they are in.
        relationships: (object type id, object id) to the attributes of the relationship.
        latest: the time part of the newest ULID among their events, or "".
    """

    cio_id: str
    attributes: dict[str, Any] = field(default_factory=dict, repr=False)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    segments: set[int] = field(default_factory=set)
    relationships: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict, repr=False)
    latest: str = ""

    @property
    def key(self) -> str:
        """Their id; their email, if they have none; else ``cio_`` and their cio_id."""
        return str(self.attributes.get("id") or self.attributes.get("email") or f"cio_{self.cio_id}")

    def copied(self) -> Person:
        """Another one with the same state. Values inside are shared: what is applied replaces them, and never changes them."""
        links = {pair: dict(held) for pair, held in self.relationships.items()}
        return Person(self.cio_id, dict(self.attributes), dict(self.devices), set(self.segments), links, self.latest)


@dataclass(frozen=True, slots=True)
class Profile:
    """A copy of what the workspace knows of a person, for assertions.

    Attributes:
        id, email: theirs, or None.
        cio_id: Customer.io's own name for them.
        attributes: names to values, ``id`` and ``email`` among them.
        devices: by token: what was sent about each.
        segments: ids of the manual segments they are in.
        relationships: (object type id, object id) to the attributes of the relationship.
    """

    id: str | None = field(repr=False)
    email: str | None = field(repr=False)
    cio_id: str
    attributes: dict[str, Any] = field(repr=False)
    devices: dict[str, dict[str, Any]] = field(repr=False)
    segments: frozenset[int]
    relationships: dict[tuple[str, str], dict[str, Any]] = field(repr=False)

    @property
    def unsubscribed(self) -> bool:
        """Whether they asked for no more messages."""
        return self.attributes.get("unsubscribed") in (True, "true")


def profile(person: Person) -> Profile:
    """A copy of *person* that shares nothing with it."""
    held = copy.deepcopy(person)
    email = held.attributes.get("email")
    return Profile(
        held.attributes.get("id"),
        email if is_email(email) else None,
        held.cio_id,
        held.attributes,
        held.devices,
        frozenset(held.segments),
        held.relationships,
    )


class Register:
    """Everybody, by each of their names. No two share one."""

    __slots__ = ("_by_cio_id", "_by_email", "_by_id")

    def __init__(self) -> None:
        self._by_cio_id: dict[str, Person] = {}
        self._by_id: dict[str, Person] = {}
        self._by_email: dict[str, Person] = {}

    def __len__(self) -> int:
        return len(self._by_cio_id)

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_cio_id.values())

    def find(self, name: Name) -> Person | None:
        """Who is called that. An id that looks like an email may be either, as in a path."""
        kind, value = name
        if kind == "cio_id":
            return self._by_cio_id.get(value)
        return self._by_email.get(value) or self._by_id.get(value)

    def put(self, person: Person) -> None:
        """Take *person* in, in place of whoever has the same cio_id."""
        self.remove(person.cio_id)
        self._by_cio_id[person.cio_id] = person
        name, email = person.attributes.get("id"), person.attributes.get("email")
        if isinstance(name, str):
            self._by_id[name] = person
        if is_email(email):
            self._by_email[email] = person

    def remove(self, cio_id: str) -> Person | None:
        """Forget who has this cio_id; their names are free."""
        person = self._by_cio_id.pop(cio_id, None)
        if person is not None:
            self._free(self._by_id, person.attributes.get("id"), person)
            self._free(self._by_email, person.attributes.get("email"), person)
        return person

    @staticmethod
    def _free(names: dict[str, Person], name: object, person: Person) -> None:
        if isinstance(name, str) and names.get(name) is person:
            del names[name]


def is_email(text: object) -> TypeGuard[str]:
    """The kind of a name is decided from its shape."""
    if not isinstance(text, str):
        return False
    name, at, domain = text.partition("@")
    return bool(name and at and domain)


def named(text: str) -> Name:
    """What the text in a path names: an email by its shape, a cio_id by its prefix ``cio_``, else an id (a phone number too)."""
    if text.startswith("cio_"):
        return "cio_id", text[4:]
    return ("email" if is_email(text) else "id"), text
