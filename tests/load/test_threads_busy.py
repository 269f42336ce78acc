"""Threads that share without a lock: whatever meets whatever, each iteration is recorded once, and nobody is left waiting."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest

from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.run import End, Load, Outcome
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.load.threads import TURN, ThreadDriver
from pytest_cio_load.load.workers import Job

SECOND = 1_000_000


@pytest.fixture
def nervous() -> Any:
    """Threads take turns as often as can be, so that they meet everywhere."""
    own = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(own)


@pytest.mark.usefixtures("nervous")
@pytest.mark.parametrize("slots", [1, 2, 7, 64])
@pytest.mark.parametrize("drop", [False, True], ids=["queue", "drop"])
@pytest.mark.parametrize("timeout", [None, 200], ids=["untimed", "timed"])
def test_each_iteration_is_recorded_or_dropped_once(bench: Any, slots: int, drop: bool, timeout: int | None) -> None:
    """A thousand that are due in a tenth of a second, some of which take a while, on any number of slots."""

    def body(arrival: Arrival) -> None:
        if arrival.index % 50 == 0:
            time.sleep(0.0005)

    made = bench.load(
        *(number / 10_000 for number in range(1_000)), duration=0.1, max_in_flight=slots, drop=drop, timeout=timeout, watch_every=1_000
    )
    ending, seen = bench.threads(made, body)
    assert ending.end is End.COMPLETE
    assert sorted([*seen.drops, *(sample.arrival.index for sample in seen.samples)]) == list(range(1_000))
    assert {sample.outcome for sample in seen.samples} <= {Outcome.OK, *([Outcome.TIMED_OUT] if timeout else [])}
    assert drop or not seen.drops
    assert all(sample.queued >= 0 and sample.ended >= sample.began for sample in seen.samples)


@pytest.mark.usefixtures("nervous")
@pytest.mark.parametrize("stopped_at", [0, 1, 37, 299])
def test_a_run_that_is_stopped_in_the_midst_loses_nothing(bench: Any, stopped_at: int) -> None:
    """What was issued by then is recorded once, as it ended or as cut; what came after is not there at all."""
    seen = bench.seen()
    given: list[Arrival] = []

    def arrivals() -> Any:
        for index in range(300):
            given.append(Arrival(index, 0))
            yield given[-1]

    def body(arrival: Arrival) -> None:
        if arrival.index == stopped_at:
            driver.stop("enough")

    made = Load(arrivals(), SECOND, max_in_flight=3, drop=False, graceful_stop=30 * SECOND, timeout=None)
    driver = ThreadDriver(made, body, seen, WallClock())
    assert driver.run().end is End.ABORTED
    times = Counter(sample.arrival.index for sample in seen.samples)
    assert set(times.values()) <= {1}
    assert sorted(times) == list(range(len(times)))
    assert stopped_at in times
    # The last one may have been taken from the schedule, and not issued any more.
    assert len(given) - 1 <= len(times) <= len(given)


def test_a_job_is_settled_once() -> None:
    """By whoever asks first."""
    job = Job(Arrival(0, 0), 0)
    assert [job.settle() for _ in range(3)] == [True, False, False]


def test_of_many_threads_one_settles_a_job() -> None:
    """They ask in the same moment, a thousand times."""
    jobs = [Job(Arrival(index, 0), 0) for index in range(1_000)]
    together = threading.Barrier(4)
    settled: list[int] = []

    def settle() -> None:
        together.wait(30)
        settled.extend(job.arrival.index for job in jobs if job.settle())

    threads = [threading.Thread(target=settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(settled) == list(range(1_000))


def test_a_thread_is_ready_before_it_is_needed(bench: Any, release: threading.Event) -> None:
    """The second arrival, which finds the first one's thread busy, need not wait for one to be started."""
    started: list[int] = []

    def body(arrival: Arrival) -> None:
        started.append(sum(thread.name.startswith("cio-load-") and thread.is_alive() for thread in threading.enumerate()))
        if arrival.index:
            release.set()
        assert release.wait(30)

    before = sum(thread.name.startswith("cio-load-") for thread in threading.enumerate())
    bench.threads(bench.load(0, 0.05, duration=0.06, max_in_flight=2), body)
    assert started[1] - before >= 2


@pytest.mark.parametrize("own", [0.005, TURN / 2])
@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_threads_take_shorter_turns_while_it_lasts(bench: Any, own: float, error: type[Exception] | None) -> None:
    """Never longer ones than they did, and afterwards as before, whatever happens."""
    before = sys.getswitchinterval()
    found: list[float] = []

    def watch(_: int) -> None:
        if error is not None:
            raise error

    sys.setswitchinterval(own)
    try:
        bench.threads(bench.load(0, duration=0.001, watch=watch), lambda _: found.append(sys.getswitchinterval()))
    except ZeroDivisionError:
        found.append(min(own, TURN))
    after = sys.getswitchinterval()
    sys.setswitchinterval(before)
    assert found[0] == pytest.approx(min(own, TURN))
    assert after == pytest.approx(own)
