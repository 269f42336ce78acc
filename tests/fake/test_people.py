"""Who the fake remembers: identifiers, attributes, events, deletions; and what it accepts without applying."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cio_load.fake.people import Event, People

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
KNOWN = {"id": "u1", "email": "u1@example.com"}


def people(*identified: tuple[str, dict[str, Any]]) -> People:
    made = People()
    for identifier, attributes in identified:
        made.apply("identify", identifier, attributes)
    return made


@pytest.mark.parametrize(
    ("identified", "expected"),
    [
        ([("u1", {"plan": "pro"})], {"u1": {"id": "u1", "plan": "pro"}}),
        ([("bob@example.com", {})], {"bob@example.com": {"email": "bob@example.com"}}),
        ([("+4912345", {})], {"+4912345": {"id": "+4912345"}}),
        ([("u1", {"a": 1}), ("u1", {"b": 2})], {"u1": {"id": "u1", "a": 1, "b": 2}}),
        ([("u1", {"a": 1}), ("u1", {"a": 2})], {"u1": {"id": "u1", "a": 2}}),
        ([("u1", KNOWN), ("u1@example.com", {"a": 1})], {"u1": {**KNOWN, "a": 1}}),
        ([("u1@example.com", {"a": 1}), ("u1", KNOWN)], {"u1": {**KNOWN, "a": 1}}),
        ([("u1@example.com", {"id": "u1"})], {"u1": KNOWN}),
        ([("u1", KNOWN), ("u1", {"email": "new@example.com"})], {"u1": {"id": "u1", "email": "new@example.com"}}),
        ([("a@example.com", {"email": "b@example.com"})], {"b@example.com": {"email": "b@example.com"}}),
        ([("a@example.com", {"email": 5})], {"a@example.com": {"email": "a@example.com"}}),
        ([("u1", {"id": "u2"})], {"u1": {"id": "u1"}}),
        ([("u1", {"email": None})], {"u1": {"id": "u1", "email": None}}),
        ([("u1", {"_timestamp": 5, "x": 1})], {"u1": {"id": "u1", "x": 1}}),
        ([("u1", {}), ("u1", {"_update": True, "x": 1})], {"u1": {"id": "u1", "x": 1}}),
    ],
)
def test_who_is_there_after_identifying(identified: list[tuple[str, dict[str, Any]]], expected: dict[str, dict[str, Any]]) -> None:
    """Found by id or by email, decided from the identifier's shape; attributes are merged."""
    assert people(*identified).snapshot() == expected


def test_one_email_with_new_ids_is_one_person() -> None:
    """The trap for load tests: they are updating one person repeatedly, not creating many."""
    same = {"email": "same@example.com"}
    assert people(("u1", same), ("u2", same), ("u3", same)).snapshot() == {"u1": {"id": "u1", **same}}


@pytest.mark.parametrize(
    ("identifier", "attributes"),
    [
        ("u1", {"email": "other@example.com"}),
        ("other@example.com", {"id": "u1"}),
        ("cio_0123", {"x": 1}),
        ("nobody", {"_update": True}),
    ],
)
def test_what_is_accepted_and_not_applied(identifier: str, attributes: dict[str, Any]) -> None:
    """Identifiers of different people, an unknown cio_id, an update of nobody: nothing changes."""
    made = people(("u1", KNOWN), ("other@example.com", {}))
    before = made.snapshot()
    assert made.apply("identify", identifier, attributes) == "dropped"
    assert made.snapshot() == before


def test_an_id_that_looks_like_an_email_overwrites_nobody() -> None:
    """It is found where it was put."""
    made = people(("u9", {}), ("a@example.com", {"id": "bob@example.com"}), ("bob@example.com", {"x": 1}))
    assert made.snapshot()["bob@example.com"] == {"id": "bob@example.com", "email": "bob@example.com", "x": 1}


def test_a_changed_email_frees_the_old_one() -> None:
    """Somebody else can have it."""
    made = people(("u1", KNOWN), ("u1", {"email": "new@example.com"}), ("u2", {"email": "u1@example.com"}))
    assert made.snapshot()["u2"] == {"id": "u2", "email": "u1@example.com"}


def test_an_event_belongs_to_a_person() -> None:
    """Found by email, it is noted under the id; spaces around its name are trimmed."""
    made = people(("u1", KNOWN))
    content = {"name": " bought ", "data": {"n": 1}, "id": ULID, "timestamp": 5, "type": "page"}
    assert made.apply("track", "u1@example.com", content) == "applied"
    assert list(made.events) == [Event("u1", "bought", {"n": 1}, ULID, 5, "page")]


@pytest.mark.parametrize(("identifier", "person"), [("u1", {"id": "u1"}), ("a@example.com", {"email": "a@example.com"})])
def test_an_event_of_an_unknown_person_creates_them(identifier: str, person: dict[str, str]) -> None:
    """Which is how an event in flight brings back somebody deleted."""
    made = People()
    made.apply("track", identifier, {"name": "e"})
    assert made.snapshot() == {identifier: person}


def test_a_second_event_of_one_ulid_is_ignored() -> None:
    """Whoever it is of."""
    made = People()
    assert [made.apply("track", who, {"name": "e", "id": ULID}) for who in ("u1", "u1", "u2")] == ["applied", "duplicate", "duplicate"]
    assert len(made.events) == 1


@pytest.mark.parametrize("id", [None, "no-ulid", 5])
def test_events_without_a_ulid_are_all_kept(id: object) -> None:
    """Nothing tells them apart."""
    made = People()
    assert [made.apply("track", "u1", {"name": "e", "id": id}) for _ in range(2)] == ["applied", "applied"]


@pytest.mark.parametrize("identifier", ["u1", "u1@example.com"])
def test_a_deleted_person_is_gone(identifier: str) -> None:
    """By id or by email; their email is free."""
    made = people(("u1", KNOWN))
    assert made.apply("delete", identifier, {}) == "applied"
    made.apply("identify", "u2", {"email": "u1@example.com"})
    assert list(made.snapshot()) == ["u2"]
    assert list(made.deletions) == [identifier]


def test_deleting_nobody_is_no_error() -> None:
    """As Customer.io has it."""
    assert People().apply("delete", "nobody", {}) == "applied"


def test_a_snapshot_is_a_copy() -> None:
    """Changing it changes nobody."""
    made = people(("u1", {"tags": ["a"]}))
    made.snapshot()["u1"]["tags"].append("b")
    assert made.snapshot()["u1"]["tags"] == ["a"]


def test_an_event_shows_no_data() -> None:
    """Its repr is safe to log."""
    assert "555-1234" not in repr(Event("u1", "bought", {"phone": "555-1234"}))
