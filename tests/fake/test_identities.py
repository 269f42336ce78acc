"""Ids, emails and cio_ids, and what becomes of people: conflicts, merge, suppression, devices, segments, relationships."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cio_load.fake.people import People
from pytest_cio_load.fake.persons import Name, named

KNOWN = {"id": "u1", "email": "u1@example.com"}
OTHER = {"id": "u2", "email": "u2@example.com"}


def made() -> People:
    people = People()
    people.apply("identify", "u1", {"email": "u1@example.com"})
    people.apply("identify", "u2", {"email": "u2@example.com"})
    return people


def cio(people: People, identifier: str) -> str:
    profile = people.profile(identifier)
    assert profile is not None
    return f"cio_{profile.cio_id}"


def types(people: People) -> list[str]:
    return [activity.type for activity in people.activities.page(lambda _: True, None, 1_000)[0]][::-1]


@pytest.mark.parametrize(
    ("text", "name"),
    [("u1", ("id", "u1")), ("a@b.c", ("email", "a@b.c")), ("cio_01", ("cio_id", "01")), ("+491", ("id", "+491")), ("@", ("id", "@"))],
)
def test_the_shape_of_an_identifier_decides(text: str, name: Name) -> None:
    """An email has something on both sides of an @; a phone number is an id."""
    assert named(text) == name


def test_cio_ids_are_unique_and_seeded() -> None:
    """One seed gives the same ones again, another gives others; they stay with their person."""
    first, again, other = made(), made(), People(seed=1)
    other.apply("identify", "u1", {})
    before = cio(first, "u1")
    first.apply("identify", "u1", {"email": "new@example.com"})
    assert cio(first, "new@example.com") == before == cio(again, "u1")
    assert len({before, cio(first, "u2"), cio(other, "u1")}) == 3


@pytest.mark.parametrize(
    ("attributes", "outcome", "expected"),
    [
        ({"plan": "pro"}, "applied", {**KNOWN, "plan": "pro"}),
        ({"id": "u9"}, "applied", {"id": "u9", "email": "u1@example.com"}),
        ({"email": "new@example.com"}, "applied", {"id": "u1", "email": "new@example.com"}),
        ({"id": "u2"}, "dropped", KNOWN),
        ({"email": "u2@example.com"}, "dropped", KNOWN),
    ],
)
def test_named_by_cio_id_a_person_may_be_renamed(attributes: dict[str, Any], outcome: str, expected: dict[str, Any]) -> None:
    """But not to what another one is called."""
    people = made()
    who = cio(people, "u1")
    assert people.apply("identify", who, attributes) == outcome
    profile = people.profile(who)
    assert profile is not None
    assert profile.attributes == expected
    assert len(people.snapshot()) == 2


@pytest.mark.parametrize("operation", ["identify", "track", "add_device"])
def test_an_unknown_cio_id_makes_nobody(operation: str) -> None:
    """Accepted and not applied."""
    people = People()
    content = {"name": "e", "device": {"id": "t1", "platform": "ios"}}
    assert people.apply(operation, "cio_00", content) == "dropped"
    assert people.snapshot() == {}


@pytest.mark.parametrize(
    ("operation", "identifier", "content", "expected"),
    [
        ("identify", "u3", {"x": 1}, ["profile_create", "attribute_change"]),
        ("identify", "u1", {"x": 1}, ["attribute_change"]),
        ("identify", "u1", {"email": "u1@example.com"}, ["skipped_update"]),
        ("identify", "u1", {"email": "u2@example.com"}, ["failed_attribute_change"]),
        ("identify", "nobody", {"_update": True}, ["failed_attribute_change"]),
        ("track", "u1", {"name": "e"}, ["event"]),
        ("page", "u1", {"name": "e", "type": "page"}, ["page"]),
        ("track", "u3", {"name": "e"}, ["profile_create", "event"]),
        ("track", "cio_00", {"name": "e"}, ["failed_event"]),
        ("delete", "u1", {}, ["profile_delete"]),
        ("delete", "nobody", {}, []),
        ("add_device", "u1", {"device": {"id": "t1", "platform": "ios"}}, ["device_change"]),
        ("delete_device", "u1", {"device": "t1"}, []),
    ],
)
def test_activities(operation: str, identifier: str, content: dict[str, Any], expected: list[str]) -> None:
    """What was applied and what failed, in order."""
    people = made()
    before = len(types(people))
    people.apply(operation, identifier, content)
    assert types(people)[before:] == expected


@pytest.mark.parametrize("by", ["u1", "u1@example.com"])
def test_a_suppressed_person_is_gone_and_ignored(by: str) -> None:
    """By any of their names, until one unsuppress frees all of them; it does not bring them back."""
    people = made()
    assert people.apply("suppress", by, {}) == "applied"
    for name in ("u1", "u1@example.com"):
        assert {people.apply(operation, name, {"name": "e"}) for operation in ("identify", "track", "delete")} == {"dropped"}
    assert people.apply("identify", "u9", {"email": "u1@example.com"}) == "dropped"
    assert list(people.snapshot()) == ["u2"]
    assert people.apply("unsuppress", "u1", {}) == "applied"
    assert list(people.snapshot()) == ["u2"]
    assert people.apply("identify", "u1@example.com", {}) == "applied"


def test_a_deleted_person_comes_back_as_somebody_else() -> None:
    """A later event makes them anew, with another cio_id."""
    people = made()
    before = cio(people, "u1")
    people.apply("delete", "u1", {})
    people.apply("track", "u1", {"name": "e"})
    assert cio(people, "u1") != before


def test_merging() -> None:
    """The primary keeps what it has and gets the rest; events, devices and segments come along; the secondary is gone."""
    people = made()
    people.apply("identify", "u1", {"plan": "pro"})
    people.apply("identify", "u2", {"plan": "free", "city": "Rome"})
    people.apply("track", "u2", {"name": "e"})
    people.apply("add_device", "u2", {"device": {"id": "t1", "platform": "ios"}})
    people.apply("add_customers_to_segment", "", {"segment": 7, "names": [("id", "u2")]})
    assert people.apply("merge_customers", "", {"primary": ("id", "u1"), "secondary": ("email", "u2@example.com")}) == "applied"
    profile = people.profile("u1")
    assert people.snapshot() == {"u1": {**KNOWN, "plan": "pro", "city": "Rome"}}
    assert profile is not None
    assert (profile.devices, profile.segments) == ({"t1": {"platform": "ios"}}, {7})
    assert [event.name for event in people.events_of("u1")] == ["e"]
    assert people.profile("u2@example.com") is None


@pytest.mark.parametrize(("primary", "secondary"), [("u1", "nobody"), ("nobody", "u1"), ("u1", "u1")])
def test_a_merge_that_cannot_be(primary: str, secondary: str) -> None:
    """Accepted, and nothing changes: the race where one of the two does not exist yet."""
    people = made()
    before = people.snapshot()
    assert people.apply("merge_customers", "", {"primary": ("id", primary), "secondary": ("id", secondary)}) == "dropped"
    assert people.snapshot() == before


def test_devices() -> None:
    """Added, replaced and deleted by token; adding one makes the person."""
    people = People()
    for number in (1, 2):
        people.apply("add_device", "u1", {"device": {"id": "t1", "platform": "ios", "last_used": number}})
    profile = people.profile("u1")
    assert profile is not None
    assert profile.devices == {"t1": {"platform": "ios", "last_used": 2}}
    assert people.apply("delete_device", "u1", {"device": "t1"}) == people.apply("delete_device", "nobody", {"device": "t1"}) == "applied"
    profile = people.profile("u1")
    assert profile is not None
    assert profile.devices == {}


def test_segments() -> None:
    """Those who are known come in and go out; nobody is made."""
    people = made()
    names = [("id", "u1"), ("email", "u2@example.com"), ("id", "nobody")]
    people.apply("add_customers_to_segment", "", {"segment": 7, "names": names})
    people.apply("remove_customers_from_segment", "", {"segment": 7, "names": [("id", "u2"), ("id", "nobody")]})
    assert [profile.segments for name in ("u1", "u2") if (profile := people.profile(name))] == [{7}, set()]
    assert list(people.snapshot()) == ["u1", "u2"]


def test_anonymous_events_come_to_whoever_is_identified() -> None:
    """Before and after; those of others do not."""
    people = made()
    for who in ("a1", "a2", None):
        people.apply("track_anonymous", "", {"name": f"by {who}", "anonymous_id": who})
    people.apply("identify", "u1", {"anonymous_id": "a1"})
    people.apply("track_anonymous", "", {"name": "later", "anonymous_id": "a1"})
    assert [event.name for event in people.events_of("u1")] == ["by a1", "later"]
    assert [event.person for event in people.events] == ["", "", "", "u1"]
    assert people.events_of("nobody") == []


def test_relationships() -> None:
    """Added and deleted with an identify; the object comes into being."""
    people = made()
    link = {"identifiers": {"object_type_id": 1, "object_id": "acme"}, "relationship_attributes": {"role": "admin"}}
    people.apply("identify", "u1", {"cio_relationships": {"action": "add_relationships", "relationships": [link, {}, 5]}})
    profile = people.profile("u1")
    assert profile is not None
    assert (profile.relationships, people.things.objects) == ({("1", "acme"): {"role": "admin"}}, {("1", "acme"): {}})
    people.apply("identify", "u1", {"cio_relationships": {"action": "delete_relationships", "relationships": [link]}})
    profile = people.profile("u1")
    assert profile is not None
    assert (profile.relationships, profile.attributes) == ({}, KNOWN)


@pytest.mark.parametrize(("value", "unsubscribed"), [(True, True), ("true", True), (False, False), (None, False), ("no", False)])
def test_unsubscribed(value: object, unsubscribed: bool) -> None:
    """As the reserved attribute says."""
    people = People()
    people.apply("identify", "u1", {"unsubscribed": value})
    profile = people.profile("u1")
    assert profile is not None
    assert profile.unsubscribed is unsubscribed


def test_a_profile_shows_nothing_personal_and_shares_nothing() -> None:
    """Its repr is safe to log, and changing it changes nobody."""
    people = People()
    people.apply("identify", "secret-id", {"email": "secret@example.com", "tags": ["secret"]})
    profile = people.profile("secret-id")
    assert profile is not None
    assert "secret" not in repr(profile)
    profile.attributes["tags"].append("x")
    assert people.snapshot()["secret-id"]["tags"] == ["secret"]
