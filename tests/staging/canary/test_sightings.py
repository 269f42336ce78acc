"""Reading pages of activities: which canaries are seen, which are given up, and what is told of them. Tables, no clock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.replies import Activity, CustomerNames, Page
from pytest_cio_load.errors import (
    CioLoadError,
    CustomerIOError,
    GuardRefused,
    InvalidOperation,
    LedgerError,
    RateLimited,
    Refused,
    ServerFailed,
    Unauthorized,
    Unreachable,
)
from pytest_cio_load.staging.sightings import LONGEST_WAIT, NOT_APPLIED, Outstanding, Pace, Sightings, is_hopeless

OURS = "cio-load-1"


def seen(*sequences: object, next: str = "") -> Page[Activity]:
    """A page on which canaries of these numbers stand."""
    names = CustomerNames(f"{OURS}-canary", None, None)
    items = tuple(Activity(f"a{n}", "event", "cio_load_canary", 0, names, {"canary": f"mark-{n}", "sequence": n}) for n in sequences)
    return Page(items, next)


def outstanding(*accepted: float, patience: float = 10.0) -> Outstanding:
    """Canaries 1, 2, … accepted at these moments."""
    made = Outstanding(patience)
    for index, at in enumerate(accepted):
        made.accepted(f"mark-{index + 1}", index + 1, at)
    return made


def test_one_look_serves_all() -> None:
    """Lag is from accepted to the answer that showed it, in microseconds; who was not shown is waited for."""
    canaries = outstanding(1.0, 2.0, 3.0)
    assert canaries.read(seen(2, 1), asked=4.0, answered=4.25) == ""
    assert (dict(canaries.lags), canaries.applied, canaries.unseen, len(canaries)) == ({3_250_000: 1, 2_250_000: 1}, 2, 0, 1)


def test_a_canary_is_seen_once() -> None:
    """However often it is shown, and whatever else is."""
    canaries = outstanding(1.0)
    for asked in (2.0, 3.0):
        canaries.read(seen(99, 1, "no number"), asked, asked)
    assert (dict(canaries.lags), canaries.applied) == ({1_000_000: 1}, 1)


@pytest.mark.parametrize(
    ("looks", "resolution"),
    [
        ([(2.0, 2.04)], 1.04),
        ([(1.4, 1.44), (1.6, 1.64)], 0.24),
        ([(0.6, 0.64), (1.2, 1.24)], 0.24),
        ([(1.2, 1.24), (9.0, 9.5)], 8.3),
    ],
    ids=["never looked before", "looked before it", "accepted in between", "a long gap"],
)
def test_the_resolution_is_what_a_lag_may_be_told_too_long(looks: list[tuple[float, float]], resolution: float) -> None:
    """From when the last look that did not show it was asked, or from when it was accepted, to the answer that showed it."""
    canaries = outstanding(1.0)
    for asked, answered in looks[:-1]:
        canaries.read(seen(), asked, answered)
    canaries.read(seen(1), *looks[-1])
    assert canaries.resolution == pytest.approx(resolution)


@pytest.mark.parametrize(("asked", "unseen"), [(10.9, 0), (11.0, 1), (15.5, 1)])
def test_a_canary_is_given_up_by_a_look_that_began_too_late_for_it(asked: float, unseen: int) -> None:
    """It took at least as long as it was waited for, and is among the lags with that."""
    canaries = outstanding(1.0)
    canaries.read(seen(), asked, asked + 0.5)
    assert (canaries.unseen, canaries.applied, len(canaries)) == (unseen, 0, 1 - unseen)
    assert dict(canaries.lags) == ({round((asked - 1.0) * 1e6): 1} if unseen else {})


def test_a_canary_that_comes_late_is_seen_late() -> None:
    """While nobody answered, it was not given up."""
    canaries = outstanding(1.0)
    canaries.read(seen(1), 60.0, 60.1)
    assert (canaries.applied, canaries.unseen, dict(canaries.lags)) == (1, 0, {59_100_000: 1})


@pytest.mark.parametrize(
    ("page", "next"),
    [
        (seen(9, 8, next="p2"), "p2"),
        (seen(9, 8), ""),
        (seen(3, 2, next="p2"), "p2"),
        (seen(3, 1, next="p2"), ""),
        (seen("no number", next="p2"), ""),
        (seen(next="p2"), ""),
    ],
)
def test_a_look_goes_down_to_the_oldest_that_is_waited_for(page: Page[Activity], next: str) -> None:
    """And no further; until it is over nobody is given up."""
    canaries = outstanding(1.0, 2.0)
    assert canaries.read(page, 100.0, 100.1) == next
    assert (canaries.unseen > 0) is (next == "")


@given(
    accepted=st.lists(st.floats(0, 100), min_size=1, max_size=20),
    looks=st.lists(st.tuples(st.floats(0, 5), st.sets(st.integers(1, 20))), max_size=20),
)
def test_no_canary_is_lost_or_counted_twice(accepted: list[float], looks: list[tuple[float, set[int]]]) -> None:
    """Whatever is shown and when: each is seen, unseen or waited for, and the first two have a lag."""
    canaries = outstanding(*accepted)
    now = max(accepted)
    for later, shown in looks:
        now += later
        canaries.read(seen(*sorted(shown, reverse=True)), now, now)
    assert canaries.applied + canaries.unseen + len(canaries) == len(accepted)
    assert sum(canaries.lags.values()) == canaries.applied + canaries.unseen


@pytest.mark.parametrize(
    ("error", "hopeless"),
    [
        (Unauthorized("activities", "no", status=401), True),
        (Refused("activities", "no", status=403), True),
        (Refused("activities", "late", status=408), False),
        (InvalidOperation("track", "no"), True),
        (GuardRefused("no"), True),
        (LedgerError("full"), True),
        (RateLimited("activities", "slowly", status=429), False),
        (ServerFailed("activities", "down", status=503), False),
        (Unreachable("activities", "reset"), False),
        (CustomerIOError("activities", "no JSON", status=200), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, CioLoadError) else "",
)
def test_what_waiting_cannot_mend(error: CioLoadError, hopeless: bool) -> None:
    """It ends the watching; everything else is survived."""
    assert is_hopeless(error) is hopeless


def test_pace() -> None:
    """From request to request while all is well; after trouble longer each time, as long as is asked for, and never for ever."""
    pace = Pace(0.5)
    down, slowly = Unreachable("activities", "reset"), RateLimited("activities", "slowly", retry_after=3.0)
    assert [pace.after(spent, None) for spent in (0.0, 0.125, 0.75)] == [0.5, 0.375, 0.0]
    assert [pace.after(0.0, down) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, LONGEST_WAIT, LONGEST_WAIT]
    assert (pace.after(0.0, None), pace.after(0.0, slowly)) == (0.5, 3.0)
    assert pace.after(0.0, RateLimited("activities", "tomorrow", retry_after=86_400.0)) == LONGEST_WAIT


CALM = Sightings(10, 0, 9, 1, {2_000_000: 9, 120_000_000: 1}, 0.2, dict.fromkeys(NOT_APPLIED, 0), 0, "")


def test_what_is_measured() -> None:
    """Each metric as the recorder takes it; the unseen canary is in the lags too."""
    assert CALM.measured() == {
        "processing_lag": {2_000_000: 9, 120_000_000: 1},
        "applied": 9,
        "unseen": 1,
        **dict.fromkeys(NOT_APPLIED, 0),
    }


@pytest.mark.parametrize(
    ("change", "absent"),
    [
        ({"reason": "401"}, {"processing_lag", "applied", "unseen", *NOT_APPLIED}),
        ({"sent": 0, "applied": 0, "unseen": 0, "lags": {}}, {"processing_lag", "applied", "unseen"}),
    ],
    ids=["ended early", "none accepted"],
)
def test_what_nobody_saw_is_no_sample(change: dict[str, object], absent: set[str]) -> None:
    """A promise on it cannot be kept by not looking."""
    assert set(CALM.measured()) - set(replace(CALM, **change).measured()) == absent  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "notes"),
    [
        ({}, ["processing lag is a sample, one canary at a time, told too long by 200.0 ms at most"]),
        ({"applied": 0}, []),
        ({"applied": 0, "unsent": 3}, ["3 of 13 canaries were not accepted, and measure nothing"]),
        ({"applied": 0, "trouble": 1_200}, ["1,200 requests to the App API failed while the run was watched, and were repeated"]),
        ({"reason": "x"}, ["processing lag and what was not applied are not known, for the watching ended early: x"]),
    ],
)
def test_what_a_report_must_not_leave_out(change: dict[str, object], notes: list[str]) -> None:
    """How well the lag is known, and what was not seen."""
    assert list(replace(CALM, **change).notes()) == notes  # type: ignore[arg-type]
