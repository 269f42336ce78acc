"""The driver for sync bodies. Threads meet on events here, so that no test depends on how fast the machine is."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.run import End, Outcome
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.load.threads import ThreadDriver

SECOND = 1_000_000
LONG = 60.0
"""Seconds that a wait may take before the test is lost: far more than any machine needs."""


def workers() -> list[threading.Thread]:
    """The threads that drivers have started and that still run."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("cio-load-")]


def join() -> None:
    """Wait for all of them to end."""
    for thread in workers():
        thread.join(LONG)


def outcomes(seen: Any) -> list[Outcome]:
    """Of every sample, in due order."""
    return [sample.outcome for sample in seen.by_index()]


def test_every_arrival_is_run_once(bench: Any) -> None:
    """Two hundred iterations in a fifth of a second: each begins when due or later, none is lost, none runs twice."""
    ran: list[int] = []
    made = bench.load(*(number / 1_000 for number in range(200)), duration=0.2)
    ending, seen = bench.threads(made, lambda arrival: ran.append(arrival.index))
    assert sorted(ran) == [sample.arrival.index for sample in seen.by_index()] == list(range(200))
    assert all(sample.arrival.due <= sample.began <= sample.ended for sample in seen.samples)
    assert set(outcomes(seen)) == {Outcome.OK}
    assert ending.end is End.COMPLETE
    assert ending.lasted >= 200_000


def test_an_empty_schedule_ends_at_once(bench: Any) -> None:
    """Nothing to do is no error."""
    ending, seen = bench.threads(bench.load(), lambda arrival: None)
    assert (ending.end, ending.lasted, seen.samples) == (End.COMPLETE, 10 * SECOND, [])


def test_arrivals_begin_though_earlier_ones_run(bench: Any, release: threading.Event) -> None:
    """An open model: the first three end only once the fourth has begun."""

    def body(arrival: Arrival) -> None:
        if arrival.index == 3:
            release.set()
        assert release.wait(LONG)

    _, seen = bench.threads(bench.load(0, 0, 0.001, 0.002, duration=0.01), body)
    assert outcomes(seen) == [Outcome.OK] * 4


def test_bodies_run_in_other_threads_than_the_caller(bench: Any) -> None:
    """The caller issues; daemons run, so that none of them can keep the process from ending."""
    found: list[threading.Thread] = []
    bench.threads(bench.load(0, duration=0.001), lambda arrival: found.append(threading.current_thread()))
    assert found[0] is not threading.current_thread()
    assert found[0].daemon


def test_no_more_run_at_once_than_allowed(bench: Any) -> None:
    """Fifty due at once on four slots: four threads, never a fifth, and all fifty are run in due order."""
    lock, running, most, threads, begun = threading.Lock(), 0, 0, set(), []
    first_four = threading.Barrier(4)

    def body(arrival: Arrival) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            threads.add(threading.current_thread().name)
            begun.append(arrival.index)
        if arrival.index < 4:
            first_four.wait(LONG)
        with lock:
            running -= 1

    _, seen = bench.threads(bench.load(*[0] * 50, duration=0.001, max_in_flight=4), body)
    assert len(seen.samples) == 50
    assert most <= 4
    assert len(threads) <= 4
    assert sorted(begun[:4]) == [0, 1, 2, 3]


def test_what_finds_no_slot_queues_and_keeps_its_due_moment(bench: Any, release: threading.Event) -> None:
    """One slot, held until the others are due: they begin after it, one after the other, and their wait is not lag."""

    def body(arrival: Arrival) -> None:
        assert arrival.index or release.wait(LONG)

    made = bench.load(0, 0.001, 0.002, duration=0.01, max_in_flight=1, watch=bench.after(8, release.set), watch_every=10_000)
    _, seen = bench.threads(made, body)
    first, second, third = seen.by_index()
    assert outcomes(seen) == [Outcome.OK] * 3
    assert (first.queued, seen.drops) == (0, [])
    assert second.queued > 0
    assert third.queued > 0
    assert first.ended <= second.began <= second.ended <= third.began
    assert second.response > second.service
    assert second.lag <= second.began - second.arrival.due - second.queued


def test_what_finds_no_slot_is_dropped_when_asked_so(bench: Any, release: threading.Event) -> None:
    """The twin of the queue: the first holds its slot until both others are dropped."""

    class Dropping(bench.seen):  # type: ignore[name-defined, misc]
        def dropped(self, arrival: Arrival) -> None:
            super().dropped(arrival)
            if len(self.drops) == 2:
                release.set()

    made = bench.load(0, 0.001, 0.002, duration=0.01, max_in_flight=1, drop=True)
    _, seen = bench.threads(made, lambda arrival: release.wait(LONG), Dropping())
    assert seen.drops == [1, 2]
    assert outcomes(seen) == [Outcome.OK]


class Skipped(BaseException):
    """As pytest's own skip is: no Exception."""


@pytest.mark.parametrize("kind", [ValueError, Skipped, TimeoutError, GeneratorExit])
def test_a_body_that_raises_has_failed_and_the_run_goes_on(bench: Any, kind: type[BaseException]) -> None:
    """Any exception is recorded with its sample; the worker lives on."""
    error = kind("no")

    def body(arrival: Arrival) -> None:
        if arrival.index == 1:
            raise error

    ending, seen = bench.threads(bench.load(0, 0.001, 0.002, duration=0.01, max_in_flight=1), body)
    assert ending.end is End.COMPLETE
    assert outcomes(seen) == [Outcome.OK, Outcome.FAILED, Outcome.OK]
    assert seen.by_index()[1].error is error


def test_each_iteration_has_a_context_of_its_own(bench: Any, release: threading.Event) -> None:
    """What one sets, the next on the same thread does not see, not even one that it lets out of the queue."""
    variable: ContextVar[str] = ContextVar("variable", default="")
    found: list[str] = []

    def body(arrival: Arrival) -> None:
        found.append(variable.get())
        variable.set("an iteration's")
        assert release.wait(LONG)

    token = variable.set("the caller's")
    made = bench.load(0, 0.001, 0.002, duration=0.01, max_in_flight=1, watch=bench.after(8, release.set), watch_every=10_000)
    bench.threads(made, body)
    variable.reset(token)
    assert found == ["the caller's"] * 3


def test_a_body_that_never_returns_does_not_hold_up_the_run(bench: Any, release: threading.Event) -> None:
    """It is recorded as interrupted with the time it waited, as is what queued behind it and never began."""
    made = bench.load(0, 0.001, duration=0.01, max_in_flight=1, graceful_stop=20_000)
    ending, seen = bench.threads(made, lambda arrival: release.wait(LONG))
    first, second = seen.by_index()
    assert ending.end is End.COMPLETE
    assert outcomes(seen) == [Outcome.INTERRUPTED] * 2
    assert first.service >= 29_000
    assert (second.service, second.response) == (0, second.ended - second.arrival.due)
    assert second.queued > 0


def test_what_returns_after_the_run_is_not_recorded_again(bench: Any, release: threading.Event) -> None:
    """An interrupted iteration that comes back later adds nothing, nor does anything queued begin then; its thread ends."""
    begun: list[int] = []

    def body(arrival: Arrival) -> None:
        begun.append(arrival.index)
        assert release.wait(LONG)

    made = bench.load(0, 0.001, duration=0.01, max_in_flight=1, graceful_stop=0)
    _, seen = bench.threads(made, body)
    release.set()
    join()
    assert (len(seen.samples), begun, workers()) == (2, [0], [])


def test_threads_end_with_the_run(bench: Any) -> None:
    """Nothing is left behind by a run that ended well."""
    bench.threads(bench.load(*[0] * 20, duration=0.001, max_in_flight=5), lambda arrival: None)
    join()
    assert workers() == []


def test_an_iteration_over_its_timeout_is_recorded_while_it_still_runs(bench: Any, release: threading.Event) -> None:
    """A thread cannot be cancelled: it is recorded once, and its slot stays taken until it returns."""
    made = bench.load(0, 0.05, duration=0.06, max_in_flight=1, drop=True, timeout=10_000, watch_every=5_000)
    _, seen = bench.threads(made, lambda arrival: release.wait(LONG))
    release.set()
    join()
    assert outcomes(seen) == [Outcome.TIMED_OUT]
    assert seen.samples[0].service > 10_000
    assert isinstance(seen.samples[0].error, TimeoutError)
    assert seen.drops == [1]


def test_an_iteration_that_ends_over_its_timeout_has_timed_out(bench: Any) -> None:
    """Even if it returns before anyone looked."""
    made = bench.load(0, duration=0.001, timeout=1_000, watch_every=30 * SECOND)
    _, seen = bench.threads(made, lambda arrival: time.sleep(0.01))
    assert outcomes(seen) == [Outcome.TIMED_OUT]
    assert seen.samples[0].service >= 10_000


def test_a_watch_aborts_the_run(bench: Any, release: threading.Event) -> None:
    """Nothing begins any more, what ran is cut, what queued is cut, and the reason is passed on."""
    made = bench.load(0, 0.001, 3_600, duration=3_601, max_in_flight=1, watch=bench.after(4, lambda: "too slow"), watch_every=2_000)
    ending, seen = bench.threads(made, lambda arrival: release.wait(LONG))
    assert (ending.end, ending.reason) == (End.ABORTED, "too slow")
    assert [(sample.arrival.index, sample.outcome) for sample in seen.by_index()] == [(0, Outcome.CUT), (1, Outcome.CUT)]


def test_a_watch_aborts_while_the_last_iterations_run_out(bench: Any, release: threading.Event) -> None:
    """The schedule is through, and it is still asked."""
    made = bench.load(0, duration=0.001, graceful_stop=3_600 * SECOND, watch=bench.after(3, lambda: "too slow"), watch_every=1_000)
    ending, seen = bench.threads(made, lambda arrival: release.wait(LONG))
    assert (ending.end, outcomes(seen)) == (End.ABORTED, [Outcome.CUT])


def test_stop_ends_the_run_once(bench: Any) -> None:
    """From any thread; a second reason does not replace the first."""

    def body(arrival: Arrival) -> None:
        driver.stop("first")
        driver.stop("second")

    driver = ThreadDriver(bench.load(0, 3_600, duration=3_601, watch_every=1_000), body, bench.seen(), WallClock())
    ending = driver.run()
    assert (ending.end, ending.reason) == (End.ABORTED, "first")


@pytest.mark.parametrize("kind", [Skipped, KeyboardInterrupt, SystemExit])
def test_what_is_let_through_ends_the_run_and_is_raised(bench: Any, kind: type[BaseException]) -> None:
    """A skip, or an interrupt, in a worker thread reaches the caller, who is the one that can act on it."""
    seen = bench.seen()

    def body(arrival: Arrival) -> None:
        raise kind("enough")

    with pytest.raises(kind, match="enough"):
        bench.threads(bench.load(0, 3_600, duration=3_601, let_through=(Skipped,), watch_every=1_000), body, seen)
    assert seen.samples == []


def test_ctrl_c_passes_and_what_ran_is_cut(bench: Any, release: threading.Event) -> None:
    """A real SIGINT in the main thread while an iteration runs: it is recorded, and KeyboardInterrupt is raised."""
    seen = bench.seen()

    def body(arrival: Arrival) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        release.wait(LONG)

    with pytest.raises(KeyboardInterrupt):
        bench.threads(bench.load(0, 3_600, duration=3_601, watch_every=1_000), body, seen)
    assert [(sample.arrival.index, sample.outcome) for sample in seen.samples] == [(0, Outcome.CUT)]


def test_ctrl_c_while_the_last_iterations_run_out(bench: Any, release: threading.Event) -> None:
    """The same when the schedule is through."""
    seen = bench.seen()

    def interrupt() -> None:
        raise KeyboardInterrupt

    made = bench.load(0, duration=0.001, watch=bench.after(3, interrupt), watch_every=1_000)
    with pytest.raises(KeyboardInterrupt):
        bench.threads(made, lambda arrival: release.wait(LONG), seen)
    assert outcomes(seen) == [Outcome.CUT]


def test_in_flight_is_what_runs_now(bench: Any) -> None:
    """Asked from within a body and after the run."""
    found: list[int] = []
    driver = ThreadDriver(bench.load(0, duration=0.001), lambda arrival: found.append(driver.in_flight), bench.seen(), WallClock())
    driver.run()
    assert [*found, driver.in_flight] == [1, 0]
