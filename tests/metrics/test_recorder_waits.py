"""What attempts waited for before they were sent: every attempt is a sample, of 0 where it did not wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.verdict import State, find
from pytest_cio_load.metrics.kinds import BUILTIN, CONNECTION_WAITS, Kind
from pytest_cio_load.metrics.measured import Trend
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.summary import Summary

MS, SECOND = 1_000, 1_000_000


def recorder(*told: str, warmup: int = 0) -> Recorder:
    """An empty one, of an engine that tells of these."""
    book = Recorder({}, warmup=warmup, lag_tolerance=20 * MS, home=__file__)
    book.watches(told)
    return book


def call(book: Recorder, *waits: tuple[str, int], attempts: int = 1, watched: int | None = None, due: int = 0, name: str = "track") -> None:
    """A call whose attempts waited so long, each in microseconds; the others did not."""
    for metric, took in waits:
        book.waited(metric, due, took)
    watched = attempts if watched is None else watched
    book.call(name, iteration=0, due=due, times=(40 * MS, 0), attempts=attempts, error=None, watched=watched)


def summary(book: Recorder) -> Summary:
    """What it holds."""
    return book.summary(planned=10, elapsed=60.0, end="complete", reason="")


def figures(book: Recorder, name: str) -> Any:
    """Samples, total and greatest of one metric, in microseconds; None where there is none."""
    trend = summary(book).metrics.get(name)
    assert trend is None or isinstance(trend, Trend)
    return None if trend is None else (trend.samples, trend.total, trend.highest)


def judged(book: Recorder, name: str, clause: str) -> State:
    """What becomes of one clause."""
    thresholds = build({"rate": 1, "duration": 60, "thresholds": {name: clause}}).thresholds
    return find(thresholds[0], summary(book)).state


@pytest.mark.parametrize("name", CONNECTION_WAITS)
def test_a_wait_is_a_metric_of_its_own(name: str) -> None:
    """A trend of ms: those of 100 attempts, of which one waited."""
    book = recorder(name)
    for took in (7 * MS, *[0] * 99):
        call(book, *([(name, took)] if took else []))
    assert (BUILTIN[name].kind, BUILTIN[name].unit) == (Kind.TREND, "ms")
    assert figures(book, name) == (100, 7 * MS, 7 * MS)
    assert (summary(book).read(name, "p", 95), summary(book).read(name, "max")) == (0, 7)


@pytest.mark.parametrize(
    ("took", "state"), [(None, State.OK), (49 * MS, State.OK), (51 * MS, State.BROKEN)], ids=["nobody waited", "not so long", "too long"]
)
def test_a_bound_is_kept_when_nobody_waited(took: int | None, state: State) -> None:
    """To find a free connection at once is the best that can be, and no reason to call a run inconclusive."""
    book = recorder("pool_wait")
    for _ in range(20):
        call(book, *([] if took is None else [("pool_wait", took)]))
    assert judged(book, "pool_wait", "max<50") is state


@pytest.mark.parametrize("calls", [0, 20])
def test_of_what_the_engine_does_not_tell_nothing_is_known(calls: int) -> None:
    """A bound on it cannot be judged; nor one on anything before there was a request."""
    book = recorder(*(["pool_wait"] if not calls else ["connecting"]))
    for _ in range(calls):
        call(book, ("pool_wait", 5))
    assert judged(book, "pool_wait", "max<50") is State.NO_SAMPLES
    assert figures(book, "pool_wait") is None


def test_every_attempt_is_a_sample() -> None:
    """Repeated ones too: each may have had to wait."""
    book = recorder("connecting")
    call(book, ("connecting", 3 * MS), ("connecting", 5 * MS), attempts=3)
    assert figures(book, "connecting") == (3, 8 * MS, 5 * MS)


def test_requests_that_nobody_watches_are_no_samples() -> None:
    """Of instrumented clients, whose connections are their own, and of jobs, which make no request."""
    book = recorder("connecting")
    call(book, attempts=2, watched=0)
    call(book, name="enqueue")
    assert figures(book, "connecting") is None
    call(book, attempts=1)
    assert figures(book, "connecting") == (1, 0, 0)


def test_the_warmup_counts_for_nothing() -> None:
    """Most connections are made in it."""
    book = recorder("connecting", warmup=SECOND)
    call(book, ("connecting", 9 * MS), due=SECOND - 1)
    assert figures(book, "connecting") is None
    call(book, ("connecting", 4 * MS), due=SECOND)
    assert figures(book, "connecting") == (1, 4 * MS, 4 * MS)


def test_what_is_too_short_for_the_clock_was_a_wait() -> None:
    """Or it would be taken for an attempt that found a connection."""
    book = recorder("connecting")
    call(book, ("connecting", 0))
    assert figures(book, "connecting") == (1, 1, 1)


def test_a_call_under_way_is_not_filled_up_yet() -> None:
    """It has waited already, and is no sample of 0 later."""
    book = recorder("pool_wait")
    book.waited("pool_wait", 0, 6 * MS)
    call(book)
    assert figures(book, "pool_wait") == (1, 6 * MS, 6 * MS)
    call(book)
    assert figures(book, "pool_wait") == (2, 6 * MS, 6 * MS)
    call(book)
    assert figures(book, "pool_wait") == (3, 6 * MS, 6 * MS)


Calls = list[tuple[int, list[int]]]
CALLS = st.lists(st.tuples(st.integers(0, 2 * SECOND), st.lists(st.integers(0, 10 * SECOND), min_size=1, max_size=4)), max_size=60)


@given(calls=CALLS, looks=st.sets(st.integers(0, 60)))
def test_whenever_somebody_looks_the_samples_are_the_attempts(calls: Calls, looks: set[int]) -> None:
    """As many as attempts of measured calls that ended, with the total of what they waited."""
    book = recorder("pool_wait", warmup=SECOND)
    attempts = total = 0
    for at, (due, waits) in enumerate(calls):
        waited = [took for took in waits if took]
        call(book, *(("pool_wait", took) for took in waited), attempts=len(waits), due=due)
        attempts += len(waits) if due >= SECOND else 0
        total += sum(waited) if due >= SECOND else 0
        if at in looks:
            trend = book.read("pool_wait")
            assert (0 if trend is None else trend.samples) == attempts
    assert figures(book, "pool_wait") == ((attempts, total, figures(book, "pool_wait")[2]) if attempts else None)
