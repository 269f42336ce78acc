"""Who is in the fake workspace, and what was sent about them: applies operations that have been found valid."""

from __future__ import annotations

import copy
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pytest_cio_load.customerio.limits import is_ulid
from pytest_cio_load.fake.activities import Activities
from pytest_cio_load.fake.persons import Name, Person, Profile, Register, is_email, named, profile
from pytest_cio_load.fake.tally import Outcome
from pytest_cio_load.fake.things import Things

_INSTRUCTIONS = frozenset({"_update", "_timestamp", "cio_relationships", "anonymous_id"})
"""Reserved names of an identify body that say what to do, and are not stored."""

_ULID_TIME = 10
"""Characters of a ULID that hold its milliseconds."""


Changed = Callable[[str, Person | None, float], None]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was applied.

    Attributes:
        person: the id of whose it is; their email, if they have no id; "" for nobody known.
        name: without the spaces around it.
        data: what was sent with it.
        id: its ULID, or None.
        timestamp: unix seconds, or None.
        type: ``event``, ``page`` or ``screen``.
        anonymous_id: of whoever it was sent for before they were known, or None.
    """

    person: str
    name: str
    data: dict[str, Any] = field(repr=False)
    id: str | None = None
    timestamp: int | None = None
    type: str = "event"
    anonymous_id: str | None = None


class People:
    """The people of a workspace, with their events and devices. Not for several threads at once.

    Somebody is known by an id, an email, or both, and always has a cio_id. What accepts an operation but does not apply it is
    ``dropped``; the activities say why.

    Args:
        seed: of the cio_ids.
        remember: how many events, activities and deletions are kept, the newest ones, and how many ULIDs back a repeated event is
            recognised; None for all.
        changed: told after every change of a person: their cio_id, and the person, or None when they are gone.
    """

    def __init__(self, seed: int = 0, remember: int | None = None, changed: Changed | None = None) -> None:
        self.events: deque[Event] = deque(maxlen=remember)
        self.deletions: deque[str] = deque(maxlen=remember)
        self.activities = Activities(remember)
        self.register = Register()
        self.things = Things(self)
        self.out_of_order = 0
        self._owners: deque[str] = deque(maxlen=remember)
        self._became: dict[str, str] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._remember = remember
        # Every suppressed name → all the names that were suppressed with it, which one unsuppress frees.
        self._suppressed: dict[str, frozenset[str]] = {}
        self._changed = changed or _ignore
        self._prefix = f"{Random(f'{seed}/cio_id').getrandbits(24):06x}"
        self._made = 0
        self._does: dict[str, Callable[[Name, dict[str, Any], float], Outcome]] = {
            "identify": self._identify,
            "track": self._track,
            "page": self._track,
            "screen": self._track,
            "track_anonymous": self._track_anonymous,
            "delete": self._delete,
            "suppress": self._suppress,
            "unsuppress": self._unsuppress,
            "merge_customers": self._merge,
            **self.things.does,
        }

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """A copy of everyone: their id, or their email if they have none, to their attributes."""
        return {person.key: copy.deepcopy(person.attributes) for person in self.register}

    def profile(self, identifier: str) -> Profile | None:
        """A copy of who is called that (an id, an email, or ``cio_`` and a cio_id), or None."""
        person = self.register.find(named(identifier))
        return None if person is None else profile(person)

    def events_of(self, identifier: str) -> list[Event]:
        """The remembered events of a person, those of people merged into them and those sent for them anonymously included."""
        person = self.register.find(named(identifier))
        if person is None:
            return []
        return [event for event, owner in zip(self.events, self._owners, strict=True) if self._now_is(owner) == person.cio_id]

    def apply(self, operation: str, identifier: str | Name, content: dict[str, Any], at: float = 0.0) -> Outcome:
        """Do what an operation asks for.

        Args:
            operation: one of ``tally.WRITES`` that concern people.
            identifier: whom it concerns, as in a path, or with its kind; "" where an operation names them in its content.
            content: of a v1 request, found valid.
            at: when it was accepted.
        """
        name = named(identifier) if isinstance(identifier, str) else identifier
        if self._suppressed and name[1] in self._suppressed and operation != "unsuppress":
            return "dropped"
        return self._does[operation](name, content, at)

    # What modules beside this one use.

    def changed(self, person: Person, at: float) -> None:
        """Tell that *person* changed."""
        self._changed(person.cio_id, person, at)

    def found_or_made(self, name: Name, at: float) -> Person | None:
        """Who is called that; a new person if there is nobody; None for an unknown cio_id, which nobody can be made from."""
        person = self.register.find(name)
        if person is None and name[0] != "cio_id":
            person = self._new({name[0]: name[1]}, at)
        return person

    # Operations.

    def _identify(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        register, email, own = self.register, content.get("email"), content.get("id")
        person = register.find(name)
        claims: list[Name] = [("id", own)] if own else []
        if is_email(email):
            claims.append(("email", email))
        if self._suppressed and any(value in self._suppressed for _, value in claims):
            return "dropped"
        for claim in claims:
            holder = register.find(claim)
            if holder is not None and person is not None and holder is not person:
                return self._fail("failed_attribute_change", person, content, at, "identifiers belong to different people")
            person = person or (None if name[0] == "cio_id" else holder)
        if person is None and (name[0] == "cio_id" or content.get("_update") is True):
            why = "there is nobody with this cio_id" if name[0] == "cio_id" else "there is nobody to update"
            return self._fail("failed_attribute_change", None, content, at, why)
        attributes = {key: value for key, value in content.items() if key not in _INSTRUCTIONS}
        self._set(name, person, attributes, content, at)
        return "applied"

    def _set(self, name: Name, person: Person | None, attributes: dict[str, Any], content: dict[str, Any], at: float) -> None:
        kind, value = name
        known = {} if person is None else person.attributes
        # Whoever has an id keeps it, unless they are named by their cio_id; an email may change.
        own = known.get("id") or (value if kind == "id" else attributes.get("id"))
        if own := (attributes.get("id") or own) if kind == "cio_id" else own:
            attributes["id"] = own
        if kind == "email" and not is_email(attributes.get("email")):
            attributes["email"] = value
        if person is None:
            person = self._new(attributes, at)
            changes = len(attributes) > 1
        else:
            changes = any(key not in known or known[key] != value for key, value in attributes.items())
            if changes:
                self.register.remove(person.cio_id)
                known.update(attributes)
                self.register.put(person)
        links = content.get("cio_relationships")
        if links:
            self.things.relate(person, links)
        if anonymous := content.get("anonymous_id"):
            self._became[f"?{anonymous}"] = person.cio_id
        self.activities.add("attribute_change" if changes or links else "skipped_update", at, person, content)
        self._changed(person.cio_id, person, at)

    def _track(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        if self._repeats(content.get("id")):
            return "duplicate"
        person = self.found_or_made(name, at)
        if person is None:
            return self._fail("failed_event", None, content, at, "there is nobody with this cio_id")
        self._keep(content, person, None, at)
        return "applied"

    def _track_anonymous(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        if self._repeats(content.get("id")):
            return "duplicate"
        anonymous = content.get("anonymous_id")
        person = self.register.find(("cio_id", self._now_is(f"?{anonymous}"))) if anonymous else None
        self._keep(content, person, anonymous, at)
        return "applied"

    def _repeats(self, ulid: object) -> bool:
        if not is_ulid(ulid):
            return False
        ulid = ulid.upper()
        if ulid in self._seen:
            return True
        self._seen[ulid] = None
        if self._remember is not None and len(self._seen) > self._remember:
            self._seen.popitem(last=False)
        return False

    def _keep(self, content: dict[str, Any], person: Person | None, anonymous: str | None, at: float) -> None:
        ulid, kind, data = content.get("id"), content.get("type") or "event", content.get("data") or {}
        title = content["name"].strip()
        self.events.append(Event("" if person is None else person.key, title, data, ulid, content.get("timestamp"), kind, anonymous))
        self._owners.append(f"?{anonymous or ''}" if person is None else person.cio_id)
        self.activities.add(kind, at, person, data, name=title)
        if person is not None and is_ulid(ulid):
            made = ulid[:_ULID_TIME].upper()
            if made < person.latest:
                self.out_of_order += 1
            else:
                person.latest = made

    def _delete(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        person = self.register.find(name)
        if person is not None:
            self._remove(person, at)
        self.deletions.append(f"cio_{name[1]}" if name[0] == "cio_id" else name[1])
        return "applied"

    def _suppress(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        person = self.register.find(name)
        if person is None and name[0] == "cio_id":
            return "dropped"
        names = {name[1]}
        if person is not None:
            held = (person.attributes.get("id"), person.attributes.get("email"), person.cio_id)
            names.update(value for value in held if isinstance(value, str))
            self._remove(person, at)
        self._suppressed.update(dict.fromkeys(names, frozenset(names)))
        return "applied"

    def _unsuppress(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        for together in self._suppressed.get(name[1], ()):
            self._suppressed.pop(together, None)
        return "applied"

    def _merge(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        into, other = (self.register.find(content[role]) for role in ("primary", "secondary"))
        if into is None or other is None or into is other:
            why = "the two are one person" if into is not None and into is other else "there is nobody called that"
            return self._fail("failed_attribute_change", into, {}, at, f"merge: {why}")
        self._remove(other, at)
        self.register.remove(into.cio_id)
        into.attributes = {**other.attributes, **into.attributes}
        into.devices = {**other.devices, **into.devices}
        into.segments |= other.segments
        into.relationships = {**other.relationships, **into.relationships}
        into.latest = max(into.latest, other.latest)
        self.register.put(into)
        self._became[other.cio_id] = into.cio_id
        self.activities.add("profile_merge", at, into, {})
        self._changed(into.cio_id, into, at)
        return "applied"

    def _new(self, attributes: dict[str, Any], at: float) -> Person:
        self._made += 1
        person = Person(f"{self._prefix}{self._made:06x}", attributes)
        self.register.put(person)
        self.activities.add("profile_create", at, person, {})
        self._changed(person.cio_id, person, at)
        return person

    def _remove(self, person: Person, at: float) -> None:
        self.register.remove(person.cio_id)
        self.activities.add("profile_delete", at, person, {})
        self._changed(person.cio_id, None, at)

    def _fail(self, kind: str, person: Person | None, content: Mapping[str, Any], at: float, why: str) -> Outcome:
        self.activities.add(kind, at, person, content, name=str(content.get("name", "")) if kind == "failed_event" else "", failed=why)
        return "dropped"

    def _now_is(self, owner: str) -> str:
        while owner in self._became:
            owner = self._became[owner]
        return owner


def _ignore(cio_id: str, person: Person | None, at: float) -> None:
    """Tell nobody."""
