"""A freeze, as arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.fake.faults import Faults
from pytest_cio_load.units import UnitError


def frozen() -> Faults:
    return Faults().at("20s").freeze("10s")


@pytest.mark.parametrize(
    ("arrived", "service", "finished"),
    [
        (0.0, 0.05, 0.05),
        (19.95, 0.05, 20.0),
        (19.96, 0.05, 30.01),
        (19.99, 0.05, 30.04),
        (20.0, 0.05, 30.05),
        (25.0, 0.05, 30.05),
        (29.999, 0.0, 30.0),
        (30.0, 0.05, 30.05),
        (40.0, 0.05, 40.05),
        (19.0, 0.0, 19.0),
        (0.0, 25.0, 35.0),
    ],
)
def test_a_frozen_server_makes_no_progress(arrived: float, service: float, finished: float) -> None:
    """What is in service goes on after the thaw; what arrives meanwhile is served after it."""
    assert frozen().finish(arrived, service) == finished


def test_a_request_due_just_as_the_freeze_begins_is_not_frozen() -> None:
    """A rounding error of floats does not decide it: every arrival of 80/s is served the same."""
    for arrival in range(1, 1_600):
        begins = arrival * 0.0125
        assert Faults().at(begins).freeze("10s").finish(begins - 0.05 + 1e-10, 0.05) == pytest.approx(begins, abs=1e-6)


def test_a_long_request_is_frozen_by_every_freeze_on_its_way() -> None:
    """Each one adds its length."""
    faults = Faults().at("10s").freeze("5s").at("20s").freeze("1s")
    assert faults.finish(9.0, 8.0) == 23.0


@pytest.mark.parametrize(
    ("freezes", "merged"),
    [
        ([(20, 10), (25, 10)], ((20.0, 35.0),)),
        ([(20, 10), (30, 5)], ((20.0, 35.0),)),
        ([(20, 10), (22, 1)], ((20.0, 30.0),)),
        ([(40, 1), (20, 10)], ((20.0, 30.0), (40.0, 41.0))),
    ],
)
def test_freezes_that_touch_become_one(freezes: list[tuple[float, float]], merged: tuple[tuple[float, float], ...]) -> None:
    """In whatever order they are arranged."""
    faults = Faults()
    for start, length in freezes:
        faults.at(start).freeze(length)
    assert faults.frozen == merged


def test_times_may_be_text_or_seconds() -> None:
    """Both mean iteration time."""
    assert Faults().at("1m30s").freeze("500ms").frozen == Faults().at(90).freeze(0.5).frozen == ((90.0, 90.5),)


times = st.floats(0, 100)


@given(st.lists(st.tuples(times, st.floats(0.001, 20)), max_size=5), times, st.floats(0, 20))
def test_work_is_done_exactly_outside_the_freezes(freezes: list[tuple[float, float]], arrived: float, service: float) -> None:
    """From arrival to finish, the time not frozen is the service time; it never finishes inside a freeze."""
    faults = Faults()
    for start, length in freezes:
        faults.at(start).freeze(length)
    finished = faults.finish(arrived, service)
    lost = sum(max(0.0, min(end, finished) - max(start, arrived)) for start, end in faults.frozen)
    assert finished - arrived - lost == pytest.approx(service, abs=1e-5)
    assert not any(start + 1e-6 < finished < end - 1e-6 for start, end in faults.frozen)


@given(st.lists(times, min_size=2, max_size=2), st.floats(0, 1))
def test_equal_requests_finish_in_the_order_they_arrived(arrivals: list[float], service: float) -> None:
    """A freeze overtakes nobody."""
    first, second = (frozen().finish(arrived, service) for arrived in sorted(arrivals))
    assert first <= second


@pytest.mark.parametrize(
    ("time", "length", "message"),
    [
        ("20", "10s", "got '20', expected a duration of at least 0 such as 60 (seconds), '500ms' or '1m30s'; did you mean '20s'?"),
        (-1, "10s", "got -1, expected a duration of at least 0"),
        ("20s", "0s", "got '0s', expected a duration above 0"),
        ("20s", "ten", "got 'ten', expected a duration above 0"),
    ],
)
def test_times_that_make_no_sense(time: str | float, length: str, message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(UnitError) as caught:
        Faults().at(time).freeze(length)
    assert message in str(caught.value)
