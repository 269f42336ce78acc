"""The recorder counts many at a time: the same as one at a time, nothing lost between threads, nothing kept alive, nobody waiting."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics import recorder as recorders
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.measured import Trend
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.summary import Summary
from pytest_cio_load.metrics.timeline import Timeline

MS, SECOND = 1_000, 1_000_000
WARMUP = 200 * MS


def recorder(warmup: int = 0, lasts: int = 60 * SECOND) -> Recorder:
    """An empty one, with a timeline."""
    timeline = Timeline(lasts=lasts, warmup=warmup)
    return Recorder({}, warmup=warmup, lag_tolerance=20 * MS, home=__file__, timeline=timeline)


def summary(book: Recorder) -> Summary:
    """What it holds."""
    return book.summary(planned=10, elapsed=60.0, end="complete", reason="")


def everything(book: Recorder) -> dict[str, Any]:
    """All of a summary, as values that can be compared."""
    found = summary(book)
    metrics = {
        name: {slot: getattr(metric, slot) for slot in type(metric).__slots__}  # type: ignore[attr-defined]
        for name, metric in found.metrics.items()
    }
    kept = (found.seen, found.waited, found.failures, found.warmup, found.timeline)
    return {"metrics": metrics, "kept": kept}


events = st.lists(
    st.tuples(
        st.integers(0, 1_000 * MS),  # due
        st.integers(0, 50 * MS),  # late
        st.integers(0, 90 * MS),  # queued
        st.integers(0, 3 * SECOND),  # took
        st.sampled_from([*Outcome, None]),  # None: dropped
        st.lists(st.tuples(st.sampled_from(["identify", "track", "enqueue"]), st.integers(1, 3), st.booleans()), max_size=3),
    ),
    max_size=30,
)


def tell(book: Recorder, index: int, event: Any) -> None:
    """One iteration with its calls, or one that was dropped."""
    due, late, queued, took, outcome, calls = event
    if outcome is None:
        book.dropped(Arrival(index, due))
        return
    for number, (operation, attempts, fails) in enumerate(calls):
        error = OSError("gone") if fails else None
        book.call(operation, iteration=index, due=due, times=(took, number), attempts=attempts, error=error, throttled=attempts - 1)
    began = due + queued + late
    book.finished(
        Sample(Arrival(index, due), began, began + took, queued, outcome, ValueError() if outcome is Outcome.FAILED else None)
    )


@given(events, st.integers(1, 7), st.sampled_from([0, WARMUP]))
def test_batches_count_as_single_ones_do(told: list[Any], size: int, warmup: int) -> None:
    """Wherever they are cut: every histogram, counter, share, gauge and interval is the same."""
    at_once, one_by_one = recorder(warmup), recorder(warmup)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorders, "_BATCH", size)
        for index, event in enumerate(told):
            tell(at_once, index, event)
    for index, event in enumerate(told):
        tell(one_by_one, index, event)
        one_by_one.fold()
    assert everything(at_once) == everything(one_by_one)


def of(values: list[int]) -> Trend:
    """A trend of these thousandths."""
    trend = Trend()
    for value in values:
        trend.record(value)
    return trend


@given(events)
def test_samples_count_as_they_say_themselves(told: list[Any]) -> None:
    """Response, service and lag are those of `Sample`; what each iteration was is counted once."""
    book = recorder()
    samples = []
    for index, (due, late, queued, took, outcome, _) in enumerate(told):
        if outcome is not None:
            began = due + queued + late
            samples.append(Sample(Arrival(index, due), began, began + took, queued, outcome))
            book.finished(samples[-1])
    found = summary(book)
    for name in ("response", "service", "lag", "queued"):
        expected = of([getattr(sample, name) for sample in samples])
        metric = found.metrics.get(name, Trend())
        assert {slot: getattr(metric, slot) for slot in Trend.__slots__} == {slot: getattr(expected, slot) for slot in Trend.__slots__}
    outcomes = Counter(sample.outcome for sample in samples)
    assert found.read("interrupted", "count") == outcomes[Outcome.INTERRUPTED] + outcomes[Outcome.CUT]
    assert found.read("timed_out", "count") == outcomes[Outcome.TIMED_OUT]
    assert found.read("on_time", "count") == sum(sample.lag <= 20 * MS for sample in samples)
    assert found.waited == sum(sample.queued > 0 for sample in samples)


@given(st.lists(st.tuples(st.sampled_from(["identify", "enqueue"]), st.integers(1, 4)), min_size=1, max_size=40))
def test_amplification_is_known_after_every_call(calls: list[tuple[str, int]]) -> None:
    """Its least and greatest are of every moment, not of every batch."""
    book, attempts = recorder(), 0
    ratios = []
    for number, (operation, tries) in enumerate(calls, start=1):
        book.call(operation, iteration=0, due=0, times=(1, 0), attempts=tries, error=None)
        if operation != "enqueue":
            attempts += tries
            ratios.append(attempts / number)
    found = summary(book)
    assert found.samples("amplification") == len(ratios)
    if ratios:
        assert [found.read("amplification", name) for name in ("value", "min", "max")] == [ratios[-1], min(ratios), max(ratios)]


# Reading.


@pytest.mark.parametrize("number", [1, 255, 256, 257, 1_000])
def test_whoever_reads_sees_everything_so_far(number: int) -> None:
    """Or a clause that may end the run would be judged on old figures."""
    book = recorder()
    for index in range(number):
        book.finished(Sample(Arrival(index, 0), 0, 5, 0, Outcome.OK))
        book.call("track", iteration=index, due=0, times=(5, 0), attempts=1, error=None)
    response, calls = book.read("response"), book.read("calls")
    assert response is not None
    assert calls is not None
    assert (response.samples, calls.read("count", None, 1), book.seen) == (number, number, number)


def test_what_was_read_does_not_change() -> None:
    """A clause is judged on figures of one moment, while other threads go on."""
    book = recorder()
    book.finished(Sample(Arrival(0, 0), 0, 5 * MS, 0, Outcome.OK))
    before, late = book.read("response"), summary(book)
    book.finished(Sample(Arrival(1, 0), 0, 900 * MS, 0, Outcome.OK))
    assert before is not None
    assert (before.samples, before.read("p", Fraction(100), 1), late.samples("response")) == (1, 5.0, 1)
    assert summary(book).samples("response") == 2


# Threads.


def test_nothing_is_lost_between_threads_that_tell_and_one_that_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six tell while one reads all the time; every reading holds together, and the last holds everything."""
    monkeypatch.setattr(recorders, "_BATCH", 16)
    book, each, threads = recorder(), 1_500, 6
    barrier, done = threading.Barrier(threads + 1), threading.Event()
    readings: list[tuple[int, int]] = []

    def work(number: int) -> None:
        barrier.wait()
        for step in range(each):
            index = number * each + step
            error = OSError() if step % 5 == 0 else None
            book.call("track", iteration=index, due=step, times=(step, 0), attempts=1, error=error)
            book.finished(Sample(Arrival(index, step), step, step + number, 0, Outcome.FAILED if error else Outcome.OK, error))
            book.add("mine", Kind.COUNTER, 1)
            if step % 3 == 0:
                book.dropped(Arrival(index, step))

    def read() -> None:
        barrier.wait()
        while not done.is_set():
            on_time, seen = book.read("on_time"), book.seen
            assert on_time is not None
            readings.append((on_time.samples, seen))
            # Every one of them was on time: a reading between two halves of a batch would say otherwise.
            assert on_time.read("count", None, 1) == on_time.samples

    failed: list[BaseException] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: failed.append(args.exc_value))
    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    reader = threading.Thread(target=read)
    for thread in (*running, reader):
        thread.start()
    for thread in running:
        thread.join()
    done.set()
    reader.join()
    assert not failed
    total = each * threads
    found = summary(book)
    assert [found.read(name, "count") for name in ("iterations", "calls", "track", "response", "errors", "dropped", "mine")] == [
        *(total, total, total, total, total / 5, total / 3, total)
    ]
    assert found.seen == total + total / 3
    assert sum(found.timeline["due"]) == found.seen  # type: ignore[index]
    assert all(before <= after for before, after in pairwise(readings))


def test_telling_waits_for_nobody() -> None:
    """While somebody else reads, or counts, everything is told all the same: good and bad, more than makes a batch."""
    book, number = recorder(), 1_000
    told = threading.Event()

    def work() -> None:
        for index in range(number):
            error = OSError() if index % 2 else None
            book.call("track", iteration=index, due=0, times=(5, 0), attempts=1, error=error)
            book.finished(Sample(Arrival(index, 0), 0, 5, 0, Outcome.FAILED if error else Outcome.OK, error))
            book.dropped(Arrival(index, 0))
        told.set()

    with book._lock:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        free = told.wait(timeout=30)
    thread.join()
    assert free
    found = summary(book)
    assert (found.seen, found.read("errors", "count"), found.read("calls", "count")) == (2 * number, number / 2, number)


def test_a_call_may_be_told_in_the_midst_of_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the garbage collector, say, in the thread that counts: it is counted once, and later."""
    monkeypatch.setattr(recorders, "_BATCH", 2)
    book = recorder()
    real, calls = book._totals.ended, iter(range(5))

    def ended(batch: Any) -> None:
        for index in calls:
            book.call("track", iteration=index, due=0, times=(5, 0), attempts=1, error=None)
        real(batch)

    monkeypatch.setattr(book._totals, "ended", ended)
    for index in range(4):
        book.finished(Sample(Arrival(index, 0), 0, 5, 0, Outcome.OK))
    found = summary(book)
    assert (found.seen, found.read("calls", "count"), found.samples("track")) == (4, 5, 5)


# What is kept.


class Large:
    """Something that a body holds."""


@pytest.mark.parametrize("by_call", [False, True], ids=["iteration", "call"])
def test_a_failure_keeps_no_frame_alive(by_call: bool) -> None:
    """Not even until the next batch is counted."""
    book = recorder()

    def body() -> weakref.ref[Large]:
        large = Large()
        try:
            raise ValueError("no")
        except ValueError as error:
            if by_call:
                book.call("track", iteration=0, due=0, times=(5, 0), attempts=1, error=error)
            failed = Outcome.OK if by_call else Outcome.FAILED
            book.finished(Sample(Arrival(0, 0), 0, 5, 0, failed, None if by_call else error))
        return weakref.ref(large)

    alive = body()
    gc.collect()
    assert alive() is None
    assert summary(book).read("errors", "count") == 1


def filled(number: int, *, took: int = 20 * MS) -> Recorder:
    """A recorder that was told so many iterations with a call each, 1 ms apart."""
    book = recorder(lasts=number * MS)
    for index in range(number):
        due = index * MS
        ended = due + took + index * 7_919 % took
        book.call("identify", iteration=index, due=due, times=(took, 0), attempts=1, error=None, ended=ended)
        book.finished(Sample(Arrival(index, due), due + index % 300, ended, 0, Outcome.OK))
    book.fold()
    return book


def test_memory_does_not_grow_with_the_run() -> None:
    """What is held after 100,000 iterations is what was held after 10,000, but for a few buckets more."""
    import tracemalloc

    held = []
    for number in (10_000, 100_000):
        gc.collect()
        tracemalloc.start()
        try:
            book = filled(number)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
            del book
        finally:
            tracemalloc.stop()
    assert held[1] - held[0] < 1_500_000


def cost(number: int, *, took: int = 20 * MS) -> float:
    """CPU seconds per iteration, of at least 10,000."""
    times = max(1, 10_000 // number)
    began = time.thread_time()
    for _ in range(times):
        filled(number, took=took)
    return (time.thread_time() - began) / (times * number)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        pytest.param(lambda: cost(100_000), lambda: cost(1_000), id="100,000 iterations beside 1,000"),
        pytest.param(lambda: cost(20_000, took=1 * SECOND), lambda: cost(20_000, took=1 * MS), id="1,000 in flight beside 1"),
    ],
)
def test_an_iteration_costs_the_same_however_many_there_are(more: Callable[[], float], less: Callable[[], float]) -> None:
    """At most 1.3 times as much: medians, taken in turn; a noisy machine gets several tries, since noise only makes ratios worse."""
    ratios = []
    for _ in range(6):
        pairs = [(more(), less()) for _ in range(3)]
        ratios.append(median(pair[0] for pair in pairs) / median(pair[1] for pair in pairs))
        if ratios[-1] <= 1.3:
            return
    pytest.fail(f"expected at most 1.3; got {ratios}")
