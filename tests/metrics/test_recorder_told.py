"""The recorder: answers 429, what is told after a run, and the metrics that only a canary fills."""

from __future__ import annotations

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.verdict import State, find
from pytest_cio_load.metrics.kinds import BUILTIN, Kind
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.summary import Summary

SECOND = 1_000_000
CANARYS = ("applied", "unseen", "failed_attribute_change", "failed_event", "failed_batch_update", "skipped_update")


def recorder(warmup: int = 0) -> Recorder:
    """An empty one."""
    return Recorder({}, warmup=warmup, lag_tolerance=20_000, home=__file__)


def call(book: Recorder, throttled: int, *, due: int = 0, operation: str = "identify") -> None:
    """A call, some of whose attempts were answered 429."""
    book.call(operation, iteration=0, due=due, times=(40_000, 0), attempts=throttled + 1, error=None, throttled=throttled)


def summary(book: Recorder) -> Summary:
    """What it holds."""
    return book.summary(planned=10, elapsed=60.0, end="complete", reason="")


def judged(book: Recorder, name: str, clause: str) -> State:
    """What becomes of one clause."""
    thresholds = build({"rate": 1, "duration": 60, "thresholds": {name: clause}}).thresholds
    return find(thresholds[0], summary(book)).state


@pytest.mark.parametrize(("answers", "count", "state"), [([0], 0, State.OK), ([0, 0], 0, State.OK), ([2, 0, 1], 3, State.BROKEN)])
def test_every_answer_429_counts(answers: list[int], count: int, state: State) -> None:
    """Those that a retry mended too; and calls without any are samples, or "count==0" could not be kept."""
    book = recorder()
    for throttled in answers:
        call(book, throttled)
    assert (summary(book).read("rate_limited", "count"), summary(book).samples("rate_limited")) == (count, len(answers))
    assert judged(book, "rate_limited", "count==0") is state


def test_without_a_request_nothing_is_known_of_answers_429() -> None:
    """Neither when no call was made, nor when all that was made went into a queue."""
    book = recorder()
    assert judged(book, "rate_limited", "count==0") is State.NO_SAMPLES
    call(book, 0, operation="enqueue")
    assert judged(book, "rate_limited", "count==0") is State.NO_SAMPLES


def test_answers_429_of_the_warmup_count_for_nothing() -> None:
    """As everything of it."""
    book = recorder(warmup=SECOND)
    call(book, 3, due=SECOND - 1)
    call(book, 1, due=SECOND)
    assert summary(book).read("rate_limited", "count") == 1


def test_answers_429_can_be_seen_while_the_run_lasts() -> None:
    """Or no clause on them could end it."""
    book = recorder()
    call(book, 2)
    live = book.read("rate_limited")
    assert live is not None
    assert live.read("count", None, 1.0) == 2


@pytest.mark.parametrize("name", CANARYS)
@pytest.mark.parametrize(("told", "state"), [(0, State.OK), (4, State.BROKEN)])
def test_a_counter_that_was_watched_and_stayed_0_is_a_sample(name: str, told: int, state: State) -> None:
    """What nobody told is another thing: nobody watched."""
    book = recorder()
    assert judged(book, name, "count==0") is State.NO_SAMPLES
    book.told(name, told)
    assert summary(book).read(name, "count") == told
    assert judged(book, name, "count==0") is state


def test_processing_lag_is_told_whole() -> None:
    """Microseconds and how many, with a threshold in ms or with a unit."""
    book = recorder()
    assert judged(book, "processing_lag", "max<10s") is State.NO_SAMPLES
    book.told("processing_lag", {2_000_000: 19, 12_500_000: 1})
    found = summary(book)
    assert (found.samples("processing_lag"), found.read("processing_lag", "min"), found.read("processing_lag", "max")) == (20, 2000, 12500)
    assert (judged(book, "processing_lag", "p(95)<10s"), judged(book, "processing_lag", "max<10s")) == (State.OK, State.BROKEN)


def test_a_gauge_is_told_its_values_in_order() -> None:
    """The last is its value, the least and the greatest are kept."""
    book = recorder()
    book.told("queue_depth", [3, 9, 0])
    assert [summary(book).read("queue_depth", name) for name in ("value", "min", "max")] == [0, 0, 9]


@pytest.mark.parametrize("name", [*CANARYS, "rate_limited", "processing_lag"])
def test_every_one_has_a_meaning(name: str) -> None:
    """It is what reports and messages say of it."""
    kind, unit = (Kind.TREND, "ms") if name == "processing_lag" else (Kind.COUNTER, "")
    assert (BUILTIN[name].kind, BUILTIN[name].unit, bool(BUILTIN[name].meaning)) == (kind, unit, True)
