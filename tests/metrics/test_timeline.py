"""The timeline: what is in which interval, and that there are neither too many nor too few of them."""

from __future__ import annotations

import json
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.timeline import Timeline, step_of

MS, SECOND = 1_000, 1_000_000
KEYS = [
    *("step", "warmup", "due", "done", "failed", "dropped", "in_flight"),
    *("response", "service", "lag", "calls", "rate_limited", "paced"),
]


class Told:
    """A recorder with the timeline of a run of 20 s, in steps of 0.2 s."""

    def __init__(self, *, lasts: int = 20 * SECOND, warmup: int = 0) -> None:
        self.timeline = Timeline(lasts=lasts, warmup=warmup)
        self.book = Recorder({}, warmup=warmup, lag_tolerance=20 * MS, home="", timeline=self.timeline)

    def iteration(self, due: int, took: int = 10 * MS, *, late: int = 0, outcome: Outcome = Outcome.OK) -> None:
        """One that began when due, or so much later."""
        self.book.finished(Sample(Arrival(due // MS, due), due + late, due + late + took, 0, outcome))

    def shown(self, elapsed: float = 20.0) -> dict[str, Any]:
        """What the document will hold."""
        found = self.book.summary(planned=1, elapsed=elapsed, end="complete", reason="").timeline
        assert found is not None
        return dict(found)


@given(st.integers(10 * SECOND, 200 * 86_400 * SECOND))
def test_there_are_100_to_240_intervals(lasts: int) -> None:
    """Of any run from 10 s up."""
    assert 100 <= ceil(lasts / step_of(lasts)) <= 240


@pytest.mark.parametrize(
    ("seconds", "step"),
    [(1, 0.1), (10, 0.1), (20, 0.2), (30, 0.25), (60, 0.5), (600, 5), (490, 2.5), (3600, 30), (86_400, 600), (30 * 86_400, 21_600)],
)
def test_a_step_is_a_round_one(seconds: int, step: float) -> None:
    """None is shorter than a tenth of a second."""
    assert step_of(seconds * SECOND) == step * SECOND


def test_an_empty_run_is_a_row_of_nothing() -> None:
    """Counts are 0, times are unknown."""
    shown = Told().shown()
    assert list(shown) == KEYS
    assert (shown["step"], shown["warmup"]) == (0.2, 0.0)
    assert shown["due"] == shown["done"] == shown["failed"] == shown["dropped"] == shown["in_flight"] == [0] * 100
    assert shown["response"] == {"p50": [None] * 100, "p95": [None] * 100, "p99": [None] * 100, "max": [None] * 100}
    assert shown["service"] == {"p95": [None] * 100}
    assert shown["lag"] == shown["paced"] == {"max": [None] * 100}
    assert shown["calls"] == shown["rate_limited"] == [0] * 100


def test_an_iteration_is_due_in_one_interval_and_done_in_another() -> None:
    """Its times stand where it was due."""
    told = Told()
    told.iteration(300 * MS, 400 * MS, late=30 * MS)
    shown = told.shown()
    assert [at for at, due in enumerate(shown["due"]) if due] == [1]
    assert [at for at, done in enumerate(shown["done"]) if done] == [3]
    assert shown["response"]["max"][:4] == [None, 430.0, None, None]
    assert [shown["response"][name][1] for name in ("p50", "p95", "p99")] == [430.0] * 3
    assert (shown["service"]["p95"][1], shown["lag"]["max"][1]) == (pytest.approx(400, rel=0.01), 30.0)
    assert shown["in_flight"][:5] == [0, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("outcome", "failed"), [(Outcome.OK, 0), (Outcome.TIMED_OUT, 1), (Outcome.INTERRUPTED, 1), (Outcome.FAILED, 1), (Outcome.CUT, 0)]
)
def test_a_failed_iteration_is_done_and_failed(outcome: Outcome, failed: int) -> None:
    """When it ended; what the run's end cut did not fail."""
    told = Told()
    error = ValueError() if outcome is Outcome.FAILED else None
    told.book.finished(Sample(Arrival(0, 0), 0, 500 * MS, 0, outcome, error))
    shown = told.shown()
    assert (shown["done"][2], shown["failed"][2], sum(shown["failed"])) == (1, failed, failed)


def test_a_failed_call_fails_its_iteration() -> None:
    """Though the body swallowed it."""
    told = Told()
    told.book.call("identify", iteration=0, due=0, times=(5, 0), attempts=1, error=OSError())
    told.iteration(0)
    assert told.shown()["failed"][0] == 1


def test_a_dropped_iteration_was_due_and_is_not_done() -> None:
    """So what fell due is what is done and what was dropped."""
    told = Told()
    told.iteration(0)
    told.book.dropped(Arrival(1, 250 * MS))
    shown = told.shown()
    assert (shown["due"][:2], shown["done"][:2], shown["dropped"][:2]) == ([1, 1], [1, 0], [0, 1])


def test_calls_count_when_they_ended_and_pacing_where_the_iteration_was_due() -> None:
    """Answers 429 with their calls."""
    told = Told()
    told.book.call("track", iteration=0, due=0, times=(9, 7 * MS), attempts=3, error=None, throttled=2, ended=450 * MS)
    told.book.call("track", iteration=0, due=0, times=(9, 3 * MS), attempts=1, error=None, ended=470 * MS)
    shown = told.shown()
    assert (shown["calls"][:3], shown["rate_limited"][:3], shown["paced"]["max"][:3]) == ([0, 0, 2], [0, 0, 2], [7.0, None, None])


def test_a_call_that_does_not_say_when_it_ended_ended_after_its_latency() -> None:
    """Counted from when its iteration was due."""
    told = Told()
    told.book.call("track", iteration=0, due=100 * MS, times=(250 * MS, 0), attempts=1, error=None)
    assert told.shown()["calls"][:3] == [0, 1, 0]


def test_the_warmup_is_on_it() -> None:
    """Though it is in no metric."""
    told = Told(warmup=SECOND)
    told.iteration(0)
    told.book.call("track", iteration=0, due=0, times=(9, 0), attempts=1, error=None, throttled=1)
    told.book.dropped(Arrival(1, 0))
    shown = told.shown()
    assert (shown["warmup"], shown["due"][0], shown["done"][0], shown["dropped"][0]) == (1.0, 2, 1, 1)
    assert (shown["calls"][0], shown["rate_limited"][0], shown["response"]["max"][0]) == (1, 1, 10.0)
    assert told.book.read("response") is None


def test_a_queues_depth_is_on_it_where_it_is_told_with_its_moments() -> None:
    """The highest in each interval; without moments it is a gauge alone."""
    told = Told()
    told.book.told("queue_depth", [3, 9])
    assert "queue_depth" not in told.shown()
    told.book.told("queue_depth", [(0.0, 4), (0.1, 7), (0.15, 2), (0.5, 0)])
    shown = told.shown()
    assert shown["queue_depth"][:4] == [7, None, 0, None]
    depth = told.book.read("queue_depth")
    assert depth is not None
    assert (depth.samples, depth.read("value", None, 1), depth.read("max", None, 1)) == (6, 0, 9)


def test_what_comes_after_the_profile_goes_on_in_the_same_step() -> None:
    """While iterations end."""
    told = Told()
    told.iteration(19 * SECOND, 6 * SECOND)
    shown = told.shown()
    assert {len(shown[name]) for name in ("due", "done", "in_flight", "calls")} == {126}
    assert (shown["done"][125], shown["in_flight"][94:126]) == (1, [0] + [1] * 31)


def test_the_last_interval_takes_the_rest() -> None:
    """However long a run goes on, and whatever happens then."""
    told = Told()
    for took in (67 * SECOND, 100 * SECOND, 10_000 * SECOND):
        told.iteration(0, took)
    told.book.call("track", iteration=0, due=0, times=(9, 0), attempts=1, error=None, ended=20_000 * SECOND)
    told.book.told("queue_depth", [(30_000.0, 4)])
    shown = told.shown(elapsed=40_000)
    assert {len(column) for column in shown.values() if isinstance(column, list)} == {340}
    assert (shown["done"][339], shown["calls"][339], shown["queue_depth"][339], shown["in_flight"][339]) == (2, 1, 4, 2)


def test_a_run_that_ended_early_has_no_empty_end() -> None:
    """It lasted 5 s of 20."""
    told = Told()
    told.iteration(4 * SECOND)
    assert len(told.shown(elapsed=5.0)["due"]) == 25


@given(st.lists(st.tuples(st.integers(0, 19_999_999), st.integers(0, 3 * SECOND)), min_size=1, max_size=120))
def test_percentiles_of_an_interval_are_within_one_percent(times: list[tuple[int, int]]) -> None:
    """Of the exact ones by nearest rank, among what fell due in it."""
    told = Told()
    for index, (due, took) in enumerate(times):
        told.book.finished(Sample(Arrival(index, due), due, due + took, 0, Outcome.OK))
    shown = told.shown()
    for at in range(100):
        values = sorted(took / MS for due, took in times if due // (200 * MS) == at)
        for percentile in (50, 95, 99):
            value = shown["response"][f"p{percentile}"][at]
            if not values:
                assert value is None
                continue
            exact = values[ceil(percentile * len(values) / 100) - 1]
            assert value == pytest.approx(exact, rel=0.01, abs=0.0006)
        assert shown["response"]["max"][at] == (values[-1] if values else None)


@given(st.lists(st.tuples(st.integers(0, 30 * SECOND), st.integers(0, 5 * SECOND)), max_size=100))
def test_what_fell_due_is_done(times: list[tuple[int, int]]) -> None:
    """Nothing is lost between intervals, and all of it is plain."""
    told = Told()
    for due, took in times:
        told.iteration(due, took)
    shown = told.shown()
    assert sum(shown["due"]) == sum(shown["done"]) == len(times)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
