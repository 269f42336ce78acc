"""The recorder: what counts, what does not, and that nothing counts twice or is lost between threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Kind, Metric
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.summary import Summary

SECOND = 1_000_000


def recorder(warmup: int = 0, declared: dict[str, Metric] | None = None) -> Recorder:
    """An empty one, that takes an iteration for on time up to 20 ms after it was due."""
    return Recorder(declared or {}, warmup=warmup, lag_tolerance=20_000, home=__file__)


def sample(index: int = 0, due: int = 0, outcome: Outcome = Outcome.OK, error: BaseException | None = None, **times: int) -> Sample:
    """An iteration that began when due and took 50 ms, unless said otherwise."""
    began = times.get("began", due)
    return Sample(Arrival(index, due), began, times.get("ended", began + 50_000), times.get("queued", 0), outcome, error)


def call(book: Recorder, iteration: int = 0, due: int = 0, error: BaseException | None = None, operation: str = "identify") -> None:
    """A call that took 40 ms, 5 of them paced, in two attempts."""
    book.call(operation, iteration=iteration, due=due, times=(40_000, 5_000), attempts=2, error=error)


def summary(book: Recorder, elapsed: float = 60.0) -> Summary:
    """What it holds."""
    return book.summary(planned=10, elapsed=elapsed, end="complete", reason="")


def counts(book: Recorder, *names: str) -> list[float]:
    """The count of each."""
    found = summary(book)
    return [found.read(name, "count") for name in names]


def test_an_iteration_fills_every_metric_of_its_own() -> None:
    """Response from due, service from begun, lag without the wait, each in ms."""
    book = recorder()
    book.finished(sample(due=1_000_000, began=1_600_000, ended=2_000_000, queued=570_000))
    found = summary(book)
    assert [found.read(name, "max") for name in ("response", "service", "lag", "queued")] == [1000, 400, 30, 570]
    assert counts(book, "iterations", "errors", "dropped", "interrupted", "timed_out", "calls") == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["errors", "dropped", "on_time", "interrupted", "timed_out", "calls", "iterations"])
def test_a_good_iteration_is_a_sample_of_what_it_did_not_do(name: str) -> None:
    """Or "errors: count==0" would have no samples, and could never be kept."""
    book = recorder()
    assert summary(book).samples(name) == 0
    book.finished(sample())
    assert summary(book).samples(name) == 1


@pytest.mark.parametrize(("late", "on_time"), [(0, 1), (20_000, 1), (20_001, 0)])
def test_an_iteration_is_on_time_within_the_tolerance(late: int, on_time: int) -> None:
    """The generator's lateness alone decides."""
    book = recorder()
    book.finished(sample(began=late))
    assert counts(book, "on_time") == [on_time]


def test_a_wait_for_a_slot_is_no_lateness_of_the_generator() -> None:
    """Queued for a minute, and on time: it was the target that was slow."""
    book = recorder()
    book.finished(sample(began=60 * SECOND, queued=60 * SECOND))
    found = summary(book)
    assert (found.read("on_time", "rate"), found.waited, found.read("response", "max")) == (1, 1, 60_050)


def test_a_dropped_iteration_counts_as_dropped_and_as_nothing_else() -> None:
    """It has no response time, and is no iteration begun; it was seen."""
    book = recorder()
    book.finished(sample())
    book.dropped(Arrival(1, 0))
    found = summary(book)
    assert (found.read("dropped", "rate"), found.seen, found.samples("response"), found.samples("errors")) == (0.5, 2, 1, 1)
    assert counts(book, "iterations", "dropped") == [1, 1]


@pytest.mark.parametrize(
    ("outcome", "interrupted", "timed_out", "errors"),
    [
        (Outcome.OK, 0, 0, 0),
        (Outcome.FAILED, 0, 0, 1),
        (Outcome.TIMED_OUT, 0, 1, 1),
        (Outcome.INTERRUPTED, 1, 0, 1),
        (Outcome.CUT, 1, 0, 0),
    ],
)
def test_every_outcome_stays_in_the_distribution(outcome: Outcome, interrupted: int, timed_out: int, errors: int) -> None:
    """At the time it took or waited; what the end of the run cut is nobody's failure."""
    book = recorder()
    book.finished(sample(outcome=outcome, error=ValueError() if outcome is Outcome.FAILED else None))
    assert counts(book, "response", "interrupted", "timed_out", "errors") == [1, interrupted, timed_out, errors]
    assert summary(book).read("response", "max") == 50


def test_failures_say_what_happened() -> None:
    """A time-out and an interruption raised nothing of the body's, and are told in words."""
    book = recorder()
    book.finished(sample(0, outcome=Outcome.TIMED_OUT, error=TimeoutError(), ended=1_500_000))
    book.finished(sample(1, outcome=Outcome.INTERRUPTED))
    assert [(group.kind, group.message) for group in summary(book).failures] == [
        ("Interrupted", "unfinished when graceful_stop ran out"),
        ("TimeoutError", "unfinished after 1,500 ms, the timeout of an iteration"),
    ]


# Calls, and errors that are counted once.


def test_a_call_fills_every_metric_of_its_own() -> None:
    """Latency and pacing in ms, attempts as a plain number."""
    book = recorder()
    call(book)
    call(book, operation="track")
    found = summary(book)
    assert [found.read(name, "max") for name in ("identify", "track", "paced", "attempts")] == [40, 40, 5, 2]
    assert found.read("calls", "count") == 2
    assert found.kinds["attempts"].unit == ""


def test_an_error_that_call_and_iteration_raise_counts_once() -> None:
    """The call failed, its exception ended the body: one error, one failed iteration, one group."""
    book, error = recorder(), OSError("refused")
    call(book, error=error)
    book.finished(sample(outcome=Outcome.FAILED, error=error))
    assert counts(book, "errors") == [1]
    assert [(group.kind, group.count) for group in summary(book).failures] == [("OSError", 1)]


def _raised_from(cause: BaseException) -> BaseException:
    error = RuntimeError("wrapped")
    error.__cause__ = cause
    return error


def _raised_during(context: BaseException) -> BaseException:
    error = RuntimeError("while handling")
    error.__context__ = context
    return error


@pytest.mark.parametrize(
    "wrap",
    [
        _raised_from,
        _raised_during,
        lambda error: _raised_from(_raised_during(error)),
        lambda error: BaseExceptionGroup("several", [ValueError(), error]),
        lambda error: ExceptionGroup("outer", [ExceptionGroup("inner", [_raised_from(error)])]),
    ],
    ids=["cause", "context", "both", "group", "nested group"],
)
def test_an_error_that_wraps_a_calls_error_counts_once(wrap: Any) -> None:
    """Raised from it, raised while it was handled, or in a group with it."""
    book, error = recorder(), OSError("refused")
    call(book, error=error)
    book.finished(sample(outcome=Outcome.FAILED, error=wrap(error)))
    assert counts(book, "errors") == [1]


def test_a_chain_that_bites_its_tail_ends() -> None:
    """An exception that is its own context's context."""
    book, first, second = recorder(), ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    call(book, error=OSError())
    book.finished(sample(outcome=Outcome.FAILED, error=first))
    assert counts(book, "errors") == [2]


def test_an_error_that_the_body_swallows_counts_all_the_same() -> None:
    """The iteration ended well, and is a failed one: a call of its own failed."""
    book = recorder()
    call(book, error=OSError("refused"))
    book.finished(sample())
    found = summary(book)
    assert (found.read("errors", "count"), found.read("errors", "rate")) == (1, 1)
    assert [group.message for group in found.failures] == ["refused"]


def test_an_error_of_the_bodys_own_counts_beside_a_swallowed_one() -> None:
    """Two things went wrong."""
    book = recorder()
    call(book, error=OSError("refused"))
    book.finished(sample(outcome=Outcome.FAILED, error=AssertionError("not so")))
    assert counts(book, "errors") == [2]
    assert {group.kind for group in summary(book).failures} == {"OSError", "AssertionError"}


def test_the_count_is_of_errors_and_the_rate_of_iterations() -> None:
    """Three failed calls in one of four iterations: three errors, 25 % failed."""
    book = recorder()
    for error in (OSError(), OSError(), OSError()):
        call(book, error=error)
    for index in range(4):
        book.finished(sample(index))
    found = summary(book)
    assert (found.read("errors", "count"), found.read("errors", "rate")) == (3, 0.25)


def test_errors_of_one_iteration_are_not_those_of_another() -> None:
    """Concurrent iterations are told apart by their index."""
    book, errors = recorder(), [OSError("0"), OSError("1")]
    call(book, 0, error=errors[0])
    call(book, 1, error=errors[1])
    book.finished(sample(1, outcome=Outcome.FAILED, error=errors[1]))
    book.finished(sample(0, outcome=Outcome.FAILED, error=errors[0]))
    assert counts(book, "errors") == [2]


# Warmup.


def test_what_is_due_in_the_warmup_counts_for_nothing() -> None:
    """Iterations, calls, drops and failures: run, seen, and told apart."""
    book = recorder(warmup=SECOND)
    call(book, 0, due=999_999, error=OSError())
    book.finished(sample(0, due=999_999))
    book.dropped(Arrival(1, 999_999))
    book.finished(sample(2, due=0, outcome=Outcome.FAILED, error=ValueError()))
    found = summary(book)
    assert [found.samples(name) for name in ("response", "identify", "errors", "dropped", "on_time", "calls")] == [0] * 6
    assert (found.seen, found.failures) == (3, ())
    assert found.warmup.iterations == 3
    assert {group.kind for group in found.warmup.failures} == {"OSError", "ValueError"}


def test_what_is_due_when_the_warmup_ends_counts() -> None:
    """The boundary belongs to the measured part."""
    book = recorder(warmup=SECOND)
    book.finished(sample(due=SECOND))
    call(book, 1, due=SECOND)
    assert counts(book, "iterations", "calls", "identify") == [1, 1, 1]
    assert (book.measures(SECOND), book.measures(SECOND - 1)) == (True, False)


def test_rates_are_over_the_measured_part() -> None:
    """60 s with a warmup of 20 s: 80 iterations are 2/s."""
    book = recorder(warmup=20 * SECOND)
    for index in range(80):
        book.finished(sample(index, due=30 * SECOND))
    found = summary(book, elapsed=60.0)
    assert (found.elapsed, found.measured, found.read("iterations", "rate")) == (60.0, 40.0, 2.0)


def test_a_run_that_ended_within_its_warmup_measured_no_time() -> None:
    """And has no rate, rather than a negative one."""
    book = recorder(warmup=20 * SECOND)
    assert (summary(book, elapsed=3.0).measured, summary(book, elapsed=3.0).read("iterations", "rate")) == (0.0, 0.0)


def test_the_omission_gap_is_what_timing_from_the_send_would_not_have_shown() -> None:
    """Response p(95) less service p(95), in ms."""
    book = recorder()
    book.finished(sample(began=900_000, ended=1_000_000, queued=900_000))
    assert summary(book).omission_gap == 900


def test_threads_lose_nothing() -> None:
    """Eight at once, each with its own iterations, calls and values: every total is exact."""
    book, each, threads = recorder(), 300, 8
    barrier = threading.Barrier(threads)

    def work(number: int) -> None:
        barrier.wait()
        for step in range(each):
            index = number * each + step
            error = OSError() if step % 3 == 0 else None
            call(book, index, error=error)
            book.add("mine", Kind.COUNTER, 2)
            book.add("size", Kind.TREND, step)
            book.finished(sample(index, outcome=Outcome.FAILED if error else Outcome.OK, error=error))
            book.dropped(Arrival(index, 0))

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    total = each * threads
    assert counts(book, "iterations", "calls", "dropped", "errors", "mine", "size") == [total, total, total, total / 3, 2 * total, total]
    found = summary(book)
    assert (found.seen, found.read("errors", "rate")) == (2 * total, pytest.approx(1 / 3))
    assert sum(group.count for group in found.failures) == total / 3
