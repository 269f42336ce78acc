"""Bodies that fail, interrupts and cancellation: what the async driver records, and what it lets through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import End, Outcome
from pytest_cio_load.load.schedule import Arrival

SECOND = 1_000_000


class Skipped(BaseException):
    """As pytest's own skip is: no Exception."""


class Odd(BaseException):
    """A BaseException of a library's own."""


def test_cancellation_from_outside_passes_and_what_ran_is_recorded_as_cut(bench: Any) -> None:
    """Ctrl-C under asyncio: no sample is lost, none counts as a failure of the iteration, and the task is cancelled indeed."""
    seen = bench.seen()

    async def main() -> None:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            task = asyncio.ensure_future(Driver(bench.load(0, 1, 2, 3), bench.lasting(1.2), seen, clock).run())
            asyncio.get_running_loop().call_later(2.5, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert [(s.arrival.index, s.outcome, s.service) for s in seen.by_index()] == [
        (0, Outcome.OK, 1_200_000),
        (1, Outcome.OK, 1_200_000),
        (2, Outcome.CUT, 500_000),
    ]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_within_a_body_ends_everything(bench: Any, kind: type[BaseException]) -> None:
    """It is nobody's failure: it passes through the loop, and what ran is recorded as cut on the way out."""
    seen = bench.seen()

    async def body(arrival: Arrival) -> None:
        await asyncio.sleep(2)
        if arrival.index == 1:
            raise kind

    with pytest.raises(kind):
        bench.drive(bench.load(0, 1, 2, 3), body, seen)
    assert [sample.outcome for sample in seen.by_index()] == [Outcome.OK, Outcome.CUT, Outcome.CUT, Outcome.CUT]


def test_a_body_that_cancels_itself_has_failed(bench: Any) -> None:
    """Nobody ended the run, so its cancellation counts against it, and the run goes on."""

    async def body(arrival: Arrival) -> None:
        task = asyncio.current_task()
        if arrival.index == 1 and task is not None:
            task.cancel()
        await asyncio.sleep(1)

    ending, seen = bench.drive(bench.load(0, 1, 2, max_in_flight=1), body)
    assert ending.end is End.COMPLETE
    assert [sample.outcome for sample in seen.by_index()] == [Outcome.OK, Outcome.FAILED, Outcome.OK]
    assert isinstance(seen.by_index()[1].error, asyncio.CancelledError)


@pytest.mark.parametrize("kind", [ValueError, AssertionError, Odd, asyncio.CancelledError, GeneratorExit, TimeoutError])
def test_a_body_that_raises_has_failed_and_the_run_goes_on(bench: Any, kind: type[BaseException]) -> None:
    """Any exception but an interrupt is recorded with its sample, and frees the slot."""
    error = kind("no")

    async def body(arrival: Arrival) -> None:
        await asyncio.sleep(0.25)
        if arrival.index == 1:
            raise error

    ending, seen = bench.drive(bench.load(0, 1, 2, max_in_flight=1, timeout=5 * SECOND), body)
    assert ending.end is End.COMPLETE
    assert [sample.outcome for sample in seen.by_index()] == [Outcome.OK, Outcome.FAILED, Outcome.OK]
    assert [sample.error for sample in seen.by_index()] == [None, error, None]
    assert all(sample.service == 250_000 for sample in seen.samples)


def test_an_exception_that_is_let_through_ends_the_run_and_is_raised(bench: Any) -> None:
    """A skip is no failure: nothing more begins, what ran is not recorded, and the test is skipped."""

    async def body(arrival: Arrival) -> None:
        await asyncio.sleep(1.5)
        if arrival.index == 1:
            raise Skipped("no such workspace")

    seen, begun = bench.seen(), []

    async def counted(arrival: Arrival) -> None:
        begun.append(arrival.index)
        await body(arrival)

    with pytest.raises(Skipped, match="no such workspace"):
        bench.drive(bench.load(0, 1, 2, 3, let_through=(Skipped,)), counted, seen)
    assert begun == [0, 1, 2]
    assert [sample.arrival.index for sample in seen.samples] == [0]


def test_the_first_of_several_let_through_is_raised(bench: Any) -> None:
    """Two iterations skip in the same moment; the test is skipped for the first one's reason."""

    async def body(arrival: Arrival) -> None:
        raise Skipped(f"reason {arrival.index}")

    with pytest.raises(Skipped, match="reason 0"):
        bench.drive(bench.load(0, 0, 0, let_through=(Skipped,)), body)


def test_a_watch_that_raises_ends_the_run_with_its_error(bench: Any) -> None:
    """In a timer an error would only be logged, and the run would wait for ever."""

    def watch(now: int) -> None:
        if now:
            raise ZeroDivisionError

    seen = bench.seen()
    with pytest.raises(ZeroDivisionError):
        bench.drive(bench.load(0, 5, watch=watch), bench.lasting(1), seen)


def test_a_schedule_that_raises_ends_the_run_with_its_error(bench: Any) -> None:
    """What comes of the schedule in mid-run is not lost in a timer either, and what ran is recorded."""

    def arrivals() -> Iterator[Arrival]:
        yield Arrival(0, 0)
        yield Arrival(1, SECOND)
        raise ZeroDivisionError

    seen = bench.seen()
    with pytest.raises(ZeroDivisionError):
        bench.drive(replace(bench.load(), arrivals=arrivals()), bench.lasting(3), seen)
    assert [sample.arrival.index for sample in seen.by_index()] == [0, 1]
