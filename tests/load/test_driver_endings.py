"""How a run of the async driver ends: graceful stop, timeouts, an abort."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import End, Ending, Outcome
from pytest_cio_load.load.schedule import Arrival

SECOND = 1_000_000


class Blocked:
    """Virtual time that can be made to pass while the loop is not looking, as a body that burns CPU makes it pass on the wall clock."""

    name = "blocked"

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self.extra = clock, 0

    def start(self) -> None:
        self._clock.start()

    def now(self) -> int:
        return self._clock.now() + self.extra


def test_what_still_runs_at_the_end_of_graceful_stop_is_interrupted(bench: Any) -> None:
    """Recorded with the time it had waited, from its own due moment; the run is complete all the same."""
    ending, seen = bench.drive(bench.load(0, 9, duration=10, graceful_stop=2 * SECOND), bench.lasting(100))
    assert [(s.outcome, s.response, s.service) for s in seen.by_index()] == [
        (Outcome.INTERRUPTED, 12 * SECOND, 12 * SECOND),
        (Outcome.INTERRUPTED, 3 * SECOND, 3 * SECOND),
    ]
    assert ending == Ending(End.COMPLETE, "", 10 * SECOND)


def test_what_was_queued_and_never_began_is_interrupted_too(bench: Any) -> None:
    """It waited all the time since it was due, for a slot: no service, no lag."""
    _, seen = bench.drive(bench.load(0, 4, max_in_flight=1, duration=10, graceful_stop=0), bench.lasting(100))
    never = seen.by_index()[1]
    assert (never.outcome, never.response, never.queued, never.service, never.lag) == (
        Outcome.INTERRUPTED,
        6 * SECOND,
        6 * SECOND,
        0,
        0,
    )


def test_interrupted_bodies_get_to_unwind(bench: Any) -> None:
    """Their finally blocks run before the run returns, and what they say then is not recorded twice."""
    unwound: list[int] = []

    async def body(arrival: Arrival) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.5)
            unwound.append(arrival.index)

    _, seen = bench.drive(bench.load(0, 1, duration=2, graceful_stop=0), body)
    assert unwound == [0, 1]
    assert len(seen.samples) == 2


def test_graceful_stop_counts_from_the_last_late_arrival(bench: Any) -> None:
    """When the generator itself was late, the last iteration still has the whole of it."""
    seen = bench.seen()

    async def main() -> None:
        with VirtualClock(asyncio.get_running_loop()) as virtual:
            clock = Blocked(virtual)

            async def body(arrival: Arrival) -> None:
                if arrival.index == 0:
                    clock.extra += 20 * SECOND
                await asyncio.sleep(100)

            await Driver(bench.load(0, 1, duration=2, graceful_stop=3 * SECOND), body, seen, clock).run()

    asyncio.run(main())
    assert seen.by_index()[1].service == 3 * SECOND


def test_an_iteration_over_its_timeout_is_recorded_at_it(bench: Any) -> None:
    """Its service time is the timeout, its error a TimeoutError, and its slot is free again."""
    _, seen = bench.drive(bench.load(0, 0.5, max_in_flight=1, timeout=SECOND), bench.lasting(10))
    assert [(s.outcome, s.began, s.service) for s in seen.by_index()] == [
        (Outcome.TIMED_OUT, 0, SECOND),
        (Outcome.TIMED_OUT, SECOND, SECOND),
    ]
    assert all(isinstance(sample.error, TimeoutError) for sample in seen.samples)


def test_a_timeout_of_the_bodys_own_is_a_failure(bench: Any) -> None:
    """A TimeoutError that a call raised within the iteration's time is its own, not ours."""

    async def body(_: Arrival) -> None:
        async with asyncio.timeout(0.5):
            await asyncio.sleep(10)

    _, seen = bench.drive(bench.load(0, timeout=SECOND), body)
    assert (seen.samples[0].outcome, seen.samples[0].service) == (Outcome.FAILED, 500_000)


def test_a_body_that_swallows_its_timeout_is_timed_out_all_the_same(bench: Any) -> None:
    """It returned as if nothing had been, 5 s over its time: recorded with all of it, and not as ok."""

    async def body(_: Arrival) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(5)

    _, seen = bench.drive(bench.load(0, timeout=SECOND), body)
    assert [(s.outcome, s.service) for s in seen.samples] == [(Outcome.TIMED_OUT, 6 * SECOND)]


def test_a_body_that_refuses_to_be_cancelled_does_not_hold_up_the_run(bench: Any) -> None:
    """It gets a second to unwind, and is then left behind; what it says later is not recorded."""
    seen = bench.seen()

    async def main() -> int:
        release = asyncio.Event()

        async def body(_: Arrival) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        with VirtualClock(asyncio.get_running_loop()) as clock:
            await Driver(bench.load(0, duration=1, graceful_stop=0), body, seen, clock).run()
            ended = clock.now()
            release.set()
            await asyncio.sleep(1)
        return ended

    assert asyncio.run(main()) == 2 * SECOND
    assert [(s.outcome, s.service) for s in seen.samples] == [(Outcome.INTERRUPTED, SECOND)]


def test_a_watch_aborts_the_run(bench: Any) -> None:
    """Nothing begins any more, what ran is recorded as cut, and the reason is passed on."""
    made = bench.load(*range(10), watch=lambda now: "p(95)<500 was broken" if now >= 3_500_000 else None)
    ending, seen = bench.drive(made, bench.lasting(2.2))
    assert ending == Ending(End.ABORTED, "p(95)<500 was broken", 3_500_000)
    assert [(s.outcome, s.service) for s in seen.by_index()] == [
        (Outcome.OK, 2_200_000),
        (Outcome.OK, 2_200_000),
        (Outcome.CUT, 1_500_000),
        (Outcome.CUT, 500_000),
    ]


def test_a_watch_is_asked_from_the_start_and_as_often_as_agreed(bench: Any) -> None:
    """At 0, then once per watch_every, to the end of the run."""
    asked: list[int] = []
    bench.drive(bench.load(0, duration=1, watch=asked.append, watch_every=250_000), bench.lasting(1.1))
    assert asked == [0, 250_000, 500_000, 750_000, 1_000_000]


def test_an_abort_in_the_last_moment_is_still_one(bench: Any) -> None:
    """A watch that finds the contract broken while the last iterations run out ends them."""
    made = bench.load(0, duration=1, watch=lambda now: "too slow" if now >= 5 * SECOND else None)
    ending, seen = bench.drive(made, bench.lasting(20))
    assert ending == Ending(End.ABORTED, "too slow", 5 * SECOND)
    assert [sample.outcome for sample in seen.samples] == [Outcome.CUT]


def test_what_is_queued_when_a_run_is_aborted_is_cut(bench: Any) -> None:
    """It never began, and is recorded with its wait."""
    made = bench.load(0, 1, max_in_flight=1, watch=lambda now: "enough" if now >= 2 * SECOND else None)
    _, seen = bench.drive(made, bench.lasting(5))
    assert [(s.outcome, s.queued) for s in seen.by_index()] == [(Outcome.CUT, 0), (Outcome.CUT, SECOND)]


def test_stop_ends_the_run_once(bench: Any) -> None:
    """A second reason does not replace the first."""

    async def main() -> Ending:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            driver = Driver(bench.load(*range(10)), bench.lasting(1), bench.seen(), clock)
            asyncio.get_running_loop().call_later(2.5, driver.stop, "first")
            asyncio.get_running_loop().call_later(2.5, driver.stop, "second")
            return await driver.run()

    assert asyncio.run(main()) == Ending(End.ABORTED, "first", 2_500_000)
