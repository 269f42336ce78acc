"""The async driver, in virtual time: an open model, its limit on what runs at once, and a generator that is late."""

from __future__ import annotations

import asyncio
import heapq
import time
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.load.clock import VirtualClock, WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import End, Ending, Outcome, Sample
from pytest_cio_load.load.schedule import Arrival

SECOND = 1_000_000


# An open model.


def test_every_arrival_begins_when_it_is_due_though_earlier_ones_run(bench: Any) -> None:
    """Nobody waits for anybody: ten overlapping iterations of 5 s all begin on time and take 5 s."""
    ending, seen = bench.drive(bench.load(*range(10)), bench.lasting(5))
    assert [(s.began, s.ended, s.queued) for s in seen.by_index()] == [(n * SECOND, (n + 5) * SECOND, 0) for n in range(10)]
    assert {sample.outcome for sample in seen.samples} == {Outcome.OK}
    assert ending == Ending(End.COMPLETE, "", 10 * SECOND)


def test_a_sample_tells_its_times_apart() -> None:
    """Response from due, service from begun, lag without the wait for a slot."""
    sample = Sample(Arrival(0, 100), began=400, ended=1_000, queued=250, outcome=Outcome.OK)
    assert (sample.response, sample.service, sample.lag) == (900, 600, 50)


def test_lag_is_never_negative() -> None:
    """A wait for a slot that was longer than the lateness leaves none."""
    assert Sample(Arrival(0, 100), began=300, ended=400, queued=250, outcome=Outcome.OK).lag == 0


def test_an_empty_schedule_ends_at_once(bench: Any) -> None:
    """Nothing to do is no error, and lasts as long as the profile says."""
    assert bench.drive(bench.load(), bench.lasting(1))[0] == Ending(End.COMPLETE, "", 10 * SECOND)


def test_the_run_ends_when_the_last_iteration_has(bench: Any) -> None:
    """It waits for the slowest, not for graceful_stop to run out."""

    async def main() -> int:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            await Driver(bench.load(0, 1), bench.lasting(4), bench.seen(), clock).run()
            return clock.now()

    assert asyncio.run(main()) == 5 * SECOND


@pytest.mark.parametrize("slots", [1_000, 1])
def test_each_iteration_has_a_context_of_its_own(bench: Any, slots: int) -> None:
    """What one sets, the others do not see, not even one that it lets out of the queue; what the caller has set, all see."""
    variable: ContextVar[str] = ContextVar("variable", default="")
    found: list[str] = []

    async def body(_: Arrival) -> None:
        found.append(variable.get())
        variable.set("an iteration's")
        await asyncio.sleep(1)

    token = variable.set("the caller's")
    bench.drive(bench.load(0, 0.5, 3, max_in_flight=slots), body)
    variable.reset(token)
    assert found == ["the caller's"] * 3


def test_in_flight_is_what_runs_now(bench: Any) -> None:
    """Asked from within the bodies."""
    found: list[int] = []

    async def main() -> None:
        with VirtualClock(asyncio.get_running_loop()) as clock:

            async def body(_: Arrival) -> None:
                await asyncio.sleep(2)
                found.append(driver.in_flight)

            driver = Driver(bench.load(0, 1, 2.5, 9), body, bench.seen(), clock)
            await driver.run()
            found.append(driver.in_flight)

    asyncio.run(main())
    assert found == [2, 2, 1, 1, 0]


# max_in_flight.


def test_what_finds_no_slot_queues_and_keeps_its_due_moment(bench: Any) -> None:
    """One slot, 3 s each: response grows by the wait, service does not, and lag stays 0: it is not the generator's fault."""
    _, seen = bench.drive(bench.load(0, 1, 2, max_in_flight=1), bench.lasting(3))
    found = [(s.began, s.queued, s.response, s.service, s.lag) for s in seen.by_index()]
    expected = [(0, 0, 3, 3, 0), (3, 2, 5, 3, 0), (6, 4, 7, 3, 0)]
    assert found == [tuple(value * SECOND for value in row) for row in expected]
    assert seen.drops == []


def test_what_finds_no_slot_is_dropped_when_asked_so(bench: Any) -> None:
    """The twin of the queue: the same load loses two of three, and the third slot is on time again."""
    _, seen = bench.drive(bench.load(0, 1, 2, 3.5, max_in_flight=1, drop=True), bench.lasting(3))
    assert seen.drops == [1, 2]
    assert [(s.arrival.index, s.began, s.queued) for s in seen.samples] == [(0, 0, 0), (3, 3_500_000, 0)]


def test_an_arrival_due_in_the_moment_a_slot_frees_finds_it_taken(bench: Any) -> None:
    """The tie rule: at exactly 3 s the first still holds its slot."""
    _, seen = bench.drive(bench.load(0, 3, 3.000001, max_in_flight=1, drop=True), bench.lasting(3))
    assert seen.drops == [1]
    assert [sample.arrival.index for sample in seen.samples] == [0, 2]


def test_a_queued_arrival_of_that_moment_begins_in_it(bench: Any) -> None:
    """The tie rule's twin: it waits, and its wait is 0."""
    _, seen = bench.drive(bench.load(0, 3, max_in_flight=1), bench.lasting(3))
    assert [(s.began, s.queued) for s in seen.by_index()] == [(0, 0), (3 * SECOND, 0)]


def test_bodies_that_take_no_time_hold_their_slot_within_the_moment(bench: Any) -> None:
    """Of three due at once on one slot, two are dropped, though each would be over in no time."""
    _, seen = bench.drive(bench.load(1, 1, 1, max_in_flight=1, drop=True), bench.lasting(0))
    assert (seen.drops, len(seen.samples)) == ([1, 2], 1)


def simulate(arrivals: list[tuple[int, int]], slots: int, *, drop: bool) -> list[tuple[int, int] | None]:
    """Begin and end of each (due, service), or None for a dropped one, by the textbook's queue with *slots* servers."""
    ends: list[int] = []
    found: list[tuple[int, int] | None] = []
    for due, service in arrivals:
        if drop:
            ends = [end for end in ends if end >= due]
            begin = due if len(ends) < slots else None
        else:
            begin = due if len(ends) < slots else max(due, heapq.heappop(ends))
        if begin is not None:
            heapq.heappush(ends, begin + service)
        found.append(None if begin is None else (begin, begin + service))
    return found


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=40),
    st.integers(1, 4),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_driver_agrees_with_a_simulated_queue(bench: Any, arrivals: list[tuple[int, int]], slots: int, drop: bool) -> None:
    """Any arrivals, any service times, any limit: every iteration is run or dropped as the textbook has it."""
    arrivals = [(due * 100_000, service * 100_000) for due, service in sorted(arrivals)]

    async def body(arrival: Arrival) -> None:
        await asyncio.sleep(arrivals[arrival.index][1] / SECOND)

    made = bench.load(*(due / SECOND for due, _ in arrivals), max_in_flight=slots, drop=drop, graceful_stop=1_000 * SECOND)
    _, seen = bench.drive(made, body)
    expected = simulate(arrivals, slots, drop=drop)
    assert sorted(seen.drops) == [index for index, times in enumerate(expected) if times is None]
    assert [(s.began, s.ended) for s in seen.by_index()] == [times for times in expected if times is not None]
    assert all(s.lag == 0 for s in seen.samples)


# A late generator.


class Blocked:
    """Virtual time that can be made to pass while the loop is not looking, as a body that burns CPU makes it pass on the wall clock."""

    name = "blocked"

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self.extra = clock, 0

    def start(self) -> None:
        self._clock.start()

    def now(self) -> int:
        return self._clock.now() + self.extra


def test_what_fell_due_while_the_loop_was_blocked_is_caught_up(bench: Any) -> None:
    """Four arrivals missed in a block of 2 s begin together after it, in order, late by their own lag; the rest are on time."""
    seen, begun = bench.seen(), []

    async def main() -> Ending:
        with VirtualClock(asyncio.get_running_loop()) as virtual:
            clock = Blocked(virtual)

            async def body(arrival: Arrival) -> None:
                begun.append(arrival.index)
                if arrival.index == 0:
                    clock.extra += 2 * SECOND
                await asyncio.sleep(0.25)

            return await Driver(bench.load(0, 0.5, 1, 1.5, 2, 3), body, seen, clock).run()

    asyncio.run(main())
    assert begun == [0, 1, 2, 3, 4, 5]
    assert [(s.began / SECOND, s.lag / SECOND) for s in seen.by_index()[1:]] == [(2.5, 2.0), (2.5, 1.5), (2.5, 1.0), (2.5, 0.5), (3, 0)]


def test_on_the_wall_clock_a_blocked_loop_catches_up_too(bench: Any) -> None:
    """A body that really blocks makes the others late, never lost."""

    seen = bench.seen()

    async def body(arrival: Arrival) -> None:
        if arrival.index == 0:
            time.sleep(0.05)

    made = bench.load(*(number / 100 for number in range(10)), duration=0.1)
    ending = asyncio.run(Driver(made, body, seen, WallClock()).run())
    assert ending.end is End.COMPLETE
    assert [sample.arrival.index for sample in seen.by_index()] == list(range(10))
    assert all(sample.began >= 50_000 for sample in seen.by_index()[1:5])
    assert all(sample.began >= sample.arrival.due for sample in seen.samples)


def test_failing_bodies_do_not_slow_the_generator(bench: Any) -> None:
    """A thousand failures in a second, and every arrival is on time."""

    async def body(_: Arrival) -> None:
        raise ValueError

    _, seen = bench.drive(bench.load(*(number / 1_000 for number in range(1_000)), duration=1), body)
    assert len(seen.samples) == 1_000
    assert all(sample.lag == 0 and sample.outcome is Outcome.FAILED for sample in seen.samples)


@pytest.mark.parametrize("how", [{}, {"max_in_flight": 2}, {"max_in_flight": 2, "drop": True}, {"timeout": 200_000}])
def test_two_runs_are_the_same(bench: Any, how: dict[str, Any]) -> None:
    """In virtual time nothing is left to chance: every sample of two runs is equal, and comes in the same order."""

    async def body(arrival: Arrival) -> None:
        await asyncio.sleep((arrival.index * 7919 % 31) / 100)

    def run() -> list[tuple[Arrival, int, int, Outcome]]:
        _, seen = bench.drive(bench.load(*(number / 20 for number in range(100)), **how), body)
        return [(sample.arrival, sample.began, sample.ended, sample.outcome) for sample in seen.samples]

    assert run() == run()
