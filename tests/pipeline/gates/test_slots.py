"""When the next request may start, by tables and properties, without a clock."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.pacing import Bucket
from pytest_cio_load.pipeline.gates.slots import BACKLOG, SECOND, Slots

asked = st.lists(st.tuples(st.integers(0, 300_000), st.integers(1, 4)), min_size=1, max_size=80)


@pytest.mark.parametrize(
    ("rate", "burst", "asked", "expected"),
    [
        (80, 4, [(0, 1)] * 6, [0, 0, 0, 0, 12_500, 25_000]),
        (80, 4, [(0, 4), (0, 4), (0, 1)], [0, 50_000, 62_500]),
        (80, 4, [(0, 3), (0, 2), (0, 1)], [0, 12_500, 25_000]),
        (10, 1, [(0, 1), (50_000, 1), (300_000, 1)], [0, 100_000, 300_000]),
        (3, 1, [(0, 1)] * 3, [0, 333_334, 666_667]),
    ],
)
def test_when_requests_may_start(rate: float, burst: int, asked: list[tuple[float, int]], expected: list[float]) -> None:
    """A burst at once, then one every 1/rate; several that start together wait until there is room for all."""
    slots = Slots(rate, burst)
    assert [now + slots.reserve(now, requests).wait for now, requests in asked] == expected


@given(st.floats(0.5, 2_000), st.integers(4, 12), asked)
def test_never_more_than_rate_and_burst_in_any_sliding_second(rate: float, burst: int, asked: list[tuple[int, int]]) -> None:
    """Whatever arrives when, and however many together: count from every start."""
    slots, now, begun = Slots(rate, burst), 0.0, []
    for gap, requests in asked:
        now += gap
        slot = slots.reserve(now, requests)
        begun += [now + slot.wait] * requests * slot.reserved
    for first in range(len(begun)):
        assert sum(start - begun[first] <= SECOND - 1 for start in begun[first:]) <= rate + burst


@given(st.floats(2, 2_000), st.integers(1, 8), st.lists(st.integers(0, 300_000), max_size=80))
def test_one_by_one_it_is_the_limiter_of_the_client(rate: float, burst: int, gaps: list[int]) -> None:
    """The same starts, to the microsecond."""
    slots, bucket, now = Slots(rate, burst), Bucket(rate, burst), 0
    for gap in gaps:
        now += gap
        assert slots.reserve(now).wait == pytest.approx(bucket.reserve(now / SECOND) * SECOND, abs=1.5)


@given(st.floats(0.5, 200), st.integers(1, 5), st.integers(1, 30), st.randoms())
def test_given_back_all_it_is_as_if_never_asked(rate: float, burst: int, count: int, rng: Random) -> None:
    """In whatever order those that wait are given back."""
    slots, twin = Slots(rate, burst), Slots(rate, burst)
    for each in (slots, twin):
        each.reserve(0, burst)
    dues = [slot.due for slot in (slots.reserve(now) for now in range(count)) if slot.reserved]
    rng.shuffle(dues)
    freed = [slots.give_back(due, count) for due in dues]
    assert freed[-1:] in ([], [True])
    assert slots.reserve(count) == twin.reserve(count)


def test_one_that_has_started_cannot_be_given_back() -> None:
    """Its moment has come."""
    slots = Slots(10, 1)
    slots.reserve(0)
    assert not slots.give_back(slots.reserve(0).due, 100_000)


def test_nobody_waits_longer_than_the_backlog() -> None:
    """Whoever would is told when there is room to wait."""
    slots = Slots(1, 1)
    slots_taken = [slots.reserve(0).reserved for _ in range(100)]
    refused = slots.reserve(0)
    assert slots_taken.count(True) == BACKLOG / SECOND + 1
    assert (refused.reserved, refused.wait) == (False, SECOND)
    assert slots.reserve(SECOND).reserved


@pytest.mark.parametrize("requests", [0, 5])
def test_more_than_may_start_together(requests: int) -> None:
    """No wait would make room for them."""
    with pytest.raises(ValueError) as caught:
        Slots(80).reserve(0, requests)
    assert str(caught.value) == f"requests: got {requests}; expected 1 to 4, the burst; try asking for one after the other"
