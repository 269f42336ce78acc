"""Reading pages of activities: what of this run was accepted and not applied. Tables, no clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.replies import Activity, CustomerNames, Page
from pytest_cio_load.staging.sightings import NOT_APPLIED, Gleaning

OURS = "cio-load-1"


def failed(*numbers: int, next: str = "", id: str | None = f"{OURS}-5", email: str | None = None) -> Page[Activity]:
    """A page of failures, all of one person."""
    return Page(tuple(Activity(f"f{n}", "failed_event", "", 0, CustomerNames(id, email, None), {}) for n in numbers), next)


def joined(*pages: Page[Activity], next: str = "") -> Page[Activity]:
    """One page of several."""
    return Page(tuple(item for page in pages for item in page.items), next)


THEIRS = "somebody-else"


@pytest.mark.parametrize(
    ("id", "email", "counts"),
    [
        (f"{OURS}-5", None, 1),
        (None, f"{OURS}-5@example.com", 1),
        ("renamed", f"{OURS}-5@example.com", 1),
        (f"{OURS}5", None, 0),
        (f"{OURS}0-5", None, 0),
        (f"x{OURS}-5", None, 0),
        (OURS, None, 0),
        (THEIRS, "a@example.com", 0),
        (None, None, 0),
        (f"{OURS}-canary", f"{OURS}-canary@example.com", 0),
    ],
)
def test_only_people_of_this_run_count(id: str | None, email: str | None, counts: int) -> None:
    """By id or by email; the canary's own person is no load."""
    gleaning = Gleaning(OURS, f"{OURS}-canary")
    gleaning.read("failed_event", failed(1, id=id, email=email))
    assert gleaning.counts == {**dict.fromkeys(NOT_APPLIED, 0), "failed_event": counts}


def test_every_activity_counts_once() -> None:
    """However often a page shows it."""
    gleaning = Gleaning(OURS, "")
    for page in (failed(2, 1), failed(3, 2, 1), failed(3, 3, 2, 1)):
        gleaning.read("failed_event", page)
    assert gleaning.counts["failed_event"] == 3


def reads(gleaning: Gleaning, pages: Sequence[Page[Activity]], kind: str = "failed_event") -> int:
    """Read pages as they are asked for, until a look is over; how many it took."""
    for number, page in enumerate(pages):
        gleaning.read(kind, page)
        if not gleaning._looks[kind].start:
            return number + 1
    raise AssertionError("the look goes on")


def test_the_first_look_ends_where_the_run_began() -> None:
    """At the first page without anybody of it: what is below happened before, and may reach back for weeks."""
    gleaning = Gleaning(OURS, "")
    assert reads(gleaning, [failed(90, 89, next="b"), failed(88, next="c"), failed(50, next="d", id=THEIRS)]) == 3
    assert gleaning.counts["failed_event"] == 3


@pytest.mark.parametrize(
    ("pages", "took", "count"),
    [
        ([failed(50, 49, next="b", id=THEIRS)], 1, 0),
        ([joined(failed(60), failed(50, 49, id=THEIRS), next="b")], 1, 1),
        ([failed(62, 61, next="b"), joined(failed(60), failed(50, id=THEIRS), next="c")], 2, 3),
        ([failed(62, 61, next="b", id=THEIRS), joined(failed(60), failed(50, id=THEIRS), next="c")], 2, 1),
        ([failed(62, next="b"), failed(61, next="")], 2, 2),
    ],
    ids=["nothing new", "new on the page", "new on two pages", "others above ours", "the last page"],
)
def test_a_later_look_goes_down_to_what_is_known(pages: list[Page[Activity]], took: int, count: int) -> None:
    """Past everything new, ours or not, and no further."""
    gleaning = Gleaning(OURS, "")
    gleaning.read("failed_event", failed(50, 49, id=THEIRS))
    assert reads(gleaning, pages) == took
    assert gleaning.counts["failed_event"] == count


def test_a_look_goes_one_page_beyond_what_is_new() -> None:
    """So that what was told out of order is found."""
    gleaning = Gleaning(OURS, "")
    gleaning.read("failed_event", failed(1, id=THEIRS))
    assert reads(gleaning, [failed(9, 8, next="b"), joined(failed(7), failed(1, id=THEIRS))]) == 2
    assert reads(gleaning, [failed(10, 9, next="b"), failed(8, 6, next="c"), failed(7, next="d")]) == 3
    assert gleaning.counts["failed_event"] == 5


def test_every_type_has_its_turn() -> None:
    """One after the other; a look that has not come to its end goes on where it was."""
    gleaning = Gleaning(OURS, "")
    asked = [gleaning.next() for _ in range(4)]
    assert asked == [(kind, "") for kind in NOT_APPLIED]
    gleaning.read("failed_event", failed(1, next="p2"))
    assert [gleaning.next() for _ in range(4)][1] == ("failed_event", "p2")


def test_the_last_looks_begin_after_they_were_asked_for() -> None:
    """One in the middle of its pages has to come to its end, and then to begin again."""
    gleaning = Gleaning(OURS, "")
    gleaning.read("failed_event", failed(9, next="p2"))
    gleaning.again()
    assert not gleaning.is_whole
    asked = []
    while not gleaning.is_whole:
        kind, start = gleaning.next()
        asked.append((kind, start))
        gleaning.read(kind, failed(8) if start else failed(9))
    assert sorted(asked) == sorted([*((kind, "") for kind in NOT_APPLIED), ("failed_event", "p2")])
    assert gleaning.counts == {**dict.fromkeys(NOT_APPLIED, 1), "failed_event": 2}


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=25), st.integers(1, 7))
def test_what_is_new_is_counted_whole(arrivals: list[tuple[int, bool]], size: int) -> None:
    """Whatever arrives between two looks, of ours and of others, and however small a page is."""
    log = [(0, False), (1, False)]
    gleaning = Gleaning(OURS, "")

    def look() -> None:
        start, top = "", len(log)
        while True:
            at = top if not start else int(start)
            part = [Page(failed(n, id=f"{OURS}-1" if own else THEIRS).items, "") for n, own in reversed(log[max(0, at - size) : at])]
            gleaning.read("failed_event", joined(*part, next=str(at - size) if at > size else ""))
            start = gleaning._looks["failed_event"].start
            if not start:
                return

    look()
    for number, own in arrivals:
        log.extend((n, own) for n in range(len(log), len(log) + number))
        look()
    assert gleaning.counts["failed_event"] == sum(number for number, own in arrivals if own)
