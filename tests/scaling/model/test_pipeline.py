"""What a pod and all workspaces get done, and the queue as a fluid."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.model.pipeline import Backlog, Pipeline
from pytest_cio_load.scaling.model.pods import Pods


@pytest.mark.parametrize(
    ("said", "pod", "capacity"),
    [
        ({}, 10 / 0.12, 100),
        ({"batch": 50}, 1_500, 5_000),
        ({"batch": 5}, 50 / 0.12, 500),
        ({"per_pod": 80.0}, 80, 100),
        ({"workspaces": 4, "limit": 80.0}, 10 / 0.12, 320),
        ({"rtt": 0.2, "concurrency": 20}, 100, 100),
        ({"worker_rate": 50.0}, 50, 100),
    ],
)
def test_rates(said: dict[str, float], pod: float, capacity: float) -> None:
    """A pod waits for answers or is busy itself, unless it was measured; workspaces take what they take."""
    pipeline = Pipeline(**said)  # type: ignore[arg-type]
    assert pipeline.pod_rate == pytest.approx(pod)
    assert pipeline.capacity == pytest.approx(capacity)


@pytest.mark.parametrize(("scrape", "adapter", "late"), [(15, 15, 30), (0, 0, 0), (0.5, 0.2, 1), (30, 0, 30)])
def test_how_late_readings_are(scrape: float, adapter: float, late: int) -> None:
    """Both, one after the other, in whole seconds."""
    assert Pipeline(scrape=scrape, adapter=adapter).late == late


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"limit": 0}, "limit: got 0; expected a number above 0; try 100"),
        ({"rtt": -1}, "rtt: got -1; expected a number above 0; try 0.12"),
        ({"worker_rate": math.inf}, "worker_rate: got inf; expected a number above 0; try 1500"),
        ({"per_pod": 0}, "per_pod: got 0; expected a number above 0; try 80"),
        ({"start": -1}, "start: got -1; expected seconds from 0 to a day; try 15"),
        ({"scrape": math.nan}, "scrape: got nan; expected seconds from 0 to a day; try 15"),
        ({"batch": 0}, "batch: got 0; expected a whole number from 1 up; try 1"),
        ({"workspaces": 1.5}, "workspaces: got 1.5; expected a whole number from 1 up; try 1"),
        ({"concurrency": True}, "concurrency: got True; expected a whole number from 1 up; try 10"),
    ],
)
def test_numbers_out_of_range(said: dict[str, float], text: str) -> None:
    """Each by its name, with one that would do."""
    with pytest.raises(ValueError) as caught:
        Pipeline(**said)  # type: ignore[arg-type]
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("steps", "depth", "age"),
    [
        ([(10, 10)], 0, 0),
        ([(10, 5)], 5, 0.5),
        ([(10, 0)], 10, 1),
        ([(10, 0), (0, 0)], 10, 2),
        ([(10, 0), (10, 10)], 10, 1),
        ([(10, 0), (10, 15)], 5, 0.5),
        ([(10, 0), (10, 5), (0, 0)], 15, 2.5),
        ([(10, 0), (10, 20)], 0, 0),
        ([(0, 5)], 0, 0),
    ],
)
def test_the_queue(steps: list[tuple[float, float]], depth: float, age: float) -> None:
    """First in, first out; what came within a second came evenly."""
    backlog = Backlog()
    for arriving, most in steps:
        backlog.step(arriving, most)
    assert (backlog.depth, backlog.age) == pytest.approx((depth, age))


@given(st.lists(st.tuples(st.floats(0, 1_000), st.floats(0, 1_000)), min_size=1, max_size=60))
def test_what_comes_waits_or_is_served(steps: list[tuple[float, float]]) -> None:
    """Nothing is lost, nothing is served that was not there, and nobody has waited longer than there is time."""
    backlog, came, served = Backlog(), 0.0, 0.0
    for number, (arriving, most) in enumerate(steps, start=1):
        done = backlog.step(arriving, most)
        came, served = came + arriving, served + done
        assert 0 <= done <= most + 1e-9
        assert 0 <= backlog.age <= number
        assert math.isclose(came, served + backlog.depth, rel_tol=1e-9, abs_tol=1e-6)


def pods(count: int) -> Pods:
    """That take ten seconds to start and five to end."""
    return Pods(count, start=10, grace=5, requests={"cpu": 0.25})


def test_the_first_pods_work_at_once() -> None:
    """They were there before."""
    made = pods(2)
    assert (made.ready, made.there, made.wanted) == (2, 2, 2)


def test_a_new_pod_works_after_its_start() -> None:
    """Until then it exists and costs."""
    made = pods(1)
    made.scale(0, 3)
    assert (made.ready, made.there) == (1, 3)
    made.advance(9.5)
    assert made.ready == 1
    made.advance(10)
    assert (made.ready, made.there) == (3, 3)


def test_a_pod_that_ends_costs_a_while_longer() -> None:
    """It takes no jobs any more."""
    made = pods(3)
    made.scale(100, 1)
    assert (made.ready, made.there) == (1, 3)
    made.advance(105)
    assert made.there == 1


def test_the_newest_ends_first() -> None:
    """So one that only starts goes before one that works."""
    made = pods(2)
    made.scale(0, 3)
    made.scale(5, 2)
    assert [(state.name, state.deleting) for state in made.states] == [("pod-0", False), ("pod-1", False), ("pod-2", True)]
    made.advance(20)
    assert made.ready == 2


def test_an_ending_pod_is_not_called_back() -> None:
    """Another one takes its place."""
    made = pods(2)
    made.scale(0, 1)
    made.scale(1, 2)
    assert [state.name for state in made.states] == ["pod-0", "pod-1", "pod-2"]
    made.advance(11)
    assert (made.ready, made.there) == (2, 2)


def test_what_the_autoscaler_sees_of_pods() -> None:
    """Pending while it starts, then ready; with what it requests."""
    made = pods(1)
    made.scale(0, 2)
    old, new = made.states
    assert (old.ready, new.ready, new.phase) == (True, False, "Pending")
    assert new.requests == {"cpu": 0.25}
    made.advance(10)
    assert (made.states[1].phase, made.states[1].ready_changed) == ("Running", 10)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 20)), max_size=30))
def test_pods_come_to_what_is_wanted(moves: list[tuple[int, int]]) -> None:
    """Whatever was asked for on the way, after start and grace there are as many as were asked for last."""
    made, now = pods(3), 0
    for wanted, later in moves:
        made.scale(now, wanted)
        assert made.ready <= made.there
        now += later
        made.advance(now)
    made.advance(now + 20)
    assert made.ready == made.there == made.wanted
