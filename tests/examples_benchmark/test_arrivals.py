"""What the benchmark makes of a server's log: lag, kept rate, truth, complaints, the search for the highest rate."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.benchmark.arrivals import (
    by_percentile,
    complaints,
    constant_between,
    deviations,
    frozen_truth,
    highest,
    kept,
    most_at_once,
    percentile,
    truth,
)
from examples.benchmark.plan import Freeze, Plan, Seen

PLAN = Plan(100, 10.0)


def log(plan: Plan, late: float = 0.0, service: float = 0.001, start: float = 50.0) -> list[Seen]:
    """A log of all that was planned, each request *late* seconds late."""
    return [
        Seen(number, start + number / plan.rate + late, start + number / plan.rate + late + service, 200, number % 5)
        for number in range(plan.planned)
    ]


def arrivals(plan: Plan = PLAN) -> list[float]:
    return [each.arrived for each in log(plan)]


@pytest.mark.parametrize(("share", "value"), [(0.5, 5), (0.95, 10), (0.99, 10), (0.1, 1), (1.0, 10)])
def test_a_percentile_is_a_value_that_was_there(share: float, value: int) -> None:
    """The smallest that enough others are not above."""
    assert percentile(list(range(10, 0, -1)), share) == value


def test_no_percentile_of_nothing() -> None:
    """It is no number, and above all not 0."""
    assert math.isnan(percentile([], 0.5))
    assert all(math.isnan(each) for each in by_percentile([]).values())


@given(st.floats(-1e3, 1e3), st.randoms())
def test_an_even_schedule_has_no_lag(offset: float, random: object) -> None:
    """Whenever it began, and in whatever order the log has it."""
    moments = [moment + offset for moment in arrivals()]
    random.shuffle(moments)  # type: ignore[attr-defined]
    assert max(deviations(moments, 100, 1000)) < 1e-6


def test_one_late_arrival_is_late_alone() -> None:
    """By what it is late."""
    moments = arrivals()
    moments[500] += 0.004
    lags = deviations(moments, 100, 1000)
    assert max(lags) == pytest.approx(0.004)
    assert percentile(lags, 0.99) == pytest.approx(0.0, abs=1e-9)


def test_a_burst_after_a_stall_is_late() -> None:
    """What fell due meanwhile, each by what it waited."""
    moments = [max(moment, 53.0) if 52.0 <= moment < 53.0 else moment for moment in arrivals()]
    assert max(deviations(moments, 100, 1000)) == pytest.approx(1.0)


def test_what_never_came_is_no_lag_of_the_others() -> None:
    """Those after it are on the schedule; all the same in a run that dropped nothing."""
    moments = arrivals()
    del moments[400:405]
    assert max(deviations(moments, 100, 1000)) < 1e-6
    assert max(deviations(moments, 100, len(moments))) > 0.01


def test_falling_behind_is_lag() -> None:
    """A tool that is too slow and sends everything all the same."""
    moments = [50 + (moment - 50) * 1.1 for moment in arrivals()]
    assert percentile(deviations(moments, 100, 1000), 0.99) > 0.4


def test_what_comes_beyond_the_plan_is_left_out() -> None:
    """As from a tool whose clock runs on."""
    assert max(deviations([*arrivals(), 99.0, 99.5], 100, 1000)) < 1e-6
    assert deviations([], 100, 1000) == []


@pytest.mark.parametrize(("stretch", "share"), [(1.0, 1.0), (1.25, 0.801), (2.0, 0.501)])
def test_the_kept_share(stretch: float, share: float) -> None:
    """What came within the planned time."""
    moments = [50 + (moment - 50) * stretch for moment in arrivals()]
    assert kept(moments, PLAN) == pytest.approx(share, abs=2e-3)


def test_more_than_planned_is_not_more_than_kept() -> None:
    """And nothing is nothing."""
    assert (kept([50.0] * 2000, PLAN), kept([], PLAN)) == (1.0, 0.0)


def test_the_truth_is_the_time_in_the_server() -> None:
    """For a tool that counts from when it sent."""
    assert by_percentile(truth(log(PLAN, late=0.2), PLAN, None, from_due=False)) == pytest.approx(
        {"p50": 0.001, "p95": 0.001, "p99": 0.001}
    )


def test_the_truth_from_when_it_was_due() -> None:
    """For one that counts from then: what was sent late is part of it."""
    seen = [replace(each, arrived=each.arrived + 0.3, ended=each.ended + 0.3) if each.index % 2 else each for each in log(PLAN)]
    waits = truth(seen, PLAN, None, from_due=True)
    assert (max(waits), min(waits)) == (pytest.approx(0.301), pytest.approx(0.001))


def test_the_truth_of_a_frozen_server() -> None:
    """80/s for 60 s with 10 s of standstill: the numbers of the schedule alone, tool or no tool."""
    plan = Plan(80, 60.0, 0.05, freeze=Freeze(20.0, 10.0))
    waits = frozen_truth(plan, Freeze(20.0, 10.0), 0.05)
    assert by_percentile(waits) == pytest.approx({"p50": 0.05, "p95": 7.0, "p99": 9.4}, abs=0.15)


def test_a_frozen_server_and_a_tool_that_held_users_back() -> None:
    """The truth is the plan's, not that of those who were let through."""
    plan = Plan(80, 60.0, 0.05, freeze=Freeze(20.0, 10.0))
    seen = [each for each in log(plan, service=0.05) if not 20.5 < each.arrived - 50.0 < 30.0]
    assert by_percentile(truth(seen, plan, Freeze(20.0, 10.0), from_due=False)) == pytest.approx(
        by_percentile(frozen_truth(plan, Freeze(20.0, 10.0), 0.05))
    )


def test_a_frozen_server_and_a_tool_that_sent_all() -> None:
    """By the log itself."""
    plan = Plan(80, 60.0, 0.05, freeze=Freeze(20.0, 10.0))
    seen = [replace(each, ended=max(each.ended, 80.0)) if each.arrived >= 70.0 else each for each in log(plan, service=0.05)]
    assert max(truth(seen, plan, Freeze(20.0, 10.0), from_due=False)) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("told", "constant"), [({"p50": 1.2, "p95": 2.3, "p99": 3.4}, 0.2), ({"p50": 0.9, "p95": 1.8, "p99": 9.0}, -0.1), ({}, 0.0)]
)
def test_the_constant_between_told_and_true(told: dict[str, float], constant: float) -> None:
    """The smallest difference: a tool that is far off at one end is not excused by it."""
    assert constant_between(told, {"p50": 1.0, "p95": 2.0, "p99": 3.0}) == pytest.approx(constant)


def test_nothing_to_complain_of() -> None:
    """A server that did as it was asked."""
    assert complaints(log(PLAN), PLAN, server_cpu=0.4) == ()


SLOW = "the server took 20.0 ms at the median where 10.0 ms were asked of it"
ODD = [replace(each, status=500 if each.index % 2 else 200) for each in log(PLAN)]


@pytest.mark.parametrize(
    ("seen", "plan", "server_cpu", "failed", "complaint"),
    [
        ([], PLAN, 0.0, 0, "no request arrived"),
        (log(PLAN), PLAN, 0.95, 0, "the server used 95% of its core: it may be the bottleneck"),
        (log(PLAN, service=0.02), replace(PLAN, delay=0.01), 0.1, 0, SLOW),
        (ODD, PLAN, 0.1, 500, "the server answered 500 of 1000 requests with an error"),
        (log(PLAN), PLAN, 0.1, 7, "7 requests failed without an answer: reset, refused or timed out"),
        (
            [replace(each, connection=each.index) for each in log(PLAN)],
            PLAN,
            0.1,
            0,
            "connections were not kept: 1000 for 1000 requests",
        ),
    ],
)
def test_a_server_that_spoils_the_run(seen: list[Seen], plan: Plan, server_cpu: float, failed: int, complaint: str) -> None:
    """Is complained of, once: the figures are its own, not the tool's."""
    assert complaints(seen, plan, server_cpu=server_cpu, failed=failed) == (complaint,)


def test_how_many_at_once() -> None:
    """By the log: here each takes three intervals."""
    assert (most_at_once(log(PLAN, service=0.0295)), most_at_once([])) == (3, 0)


@given(st.integers(0, 40_000))
def test_the_highest_rate(limit: int) -> None:
    """Found from below to within a twentieth; never a rate that was not kept, and nothing above the top is tried."""
    tried: list[int] = []

    def keeps(rate: int) -> bool:
        tried.append(rate)
        return rate <= limit

    found = highest(keeps, 1_000, 32_000)
    assert found <= limit
    assert found == 0 if limit < 1_000 else found >= min(limit, 32_000) * 0.94
    assert max(tried) <= 32_000
    assert len(tried) < 15


@pytest.mark.parametrize(("index", "times"), [(0, 1), (93, 1), (94, 3), (97, 3), (98, 6), (199, 6), (200, 1)])
def test_mixed_delays(index: int, times: int) -> None:
    """By the request's own number, so that every tool meets the same."""
    assert Plan(1, 1, 0.01, mixed=True).delay_of(index) == pytest.approx(0.01 * times)
    assert Plan(1, 1, 0.01).delay_of(index) == 0.01
