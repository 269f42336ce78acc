"""The async driver on the wall clock: where iterations begin at once, on which loops, and what they cannot upset."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextvars import ContextVar
from typing import Any

import pytest

from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import End, Outcome
from pytest_cio_load.load.schedule import Arrival

SECOND = 1_000_000


def on_wall(load: Any, body: Any, seen: Any, *, before: Any = None) -> Any:
    """Drive *load* in real time; gives how it ended."""

    async def main() -> Any:
        if before is not None:
            before(asyncio.get_running_loop())
        return await Driver(load, body, seen, WallClock()).run()

    return asyncio.run(main())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_every_arrival_is_run_once_and_none_early(bench: Any, loop: str) -> None:
    """Two hundred iterations in a fifth of a second, on either loop."""
    factory = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else None
    seen = bench.seen()
    made = bench.load(*(number / 1_000 for number in range(200)), duration=0.2)
    with asyncio.Runner(loop_factory=factory) as runner:
        ending = runner.run(Driver(made, bench.lasting(0.001), seen, WallClock()).run())
    assert ending.end is End.COMPLETE
    assert [sample.arrival.index for sample in seen.by_index()] == list(range(200))
    assert all(sample.arrival.due <= sample.began < sample.ended for sample in seen.samples)
    assert {sample.outcome for sample in seen.samples} == {Outcome.OK}


def test_many_that_wait_and_are_over_at_once_do_not_nest(bench: Any) -> None:
    """Each lets the next one out of the queue: as one call within the other, three thousand would overflow the stack."""
    seen = bench.seen()

    async def body(arrival: Arrival) -> None:
        if arrival.index == 0:
            await asyncio.sleep(0.01)

    on_wall(bench.load(*[0] * (3 * sys.getrecursionlimit()), duration=0.001, max_in_flight=1), body, seen)
    assert [sample.arrival.index for sample in seen.samples] == list(range(3 * sys.getrecursionlimit()))


def test_each_iteration_has_a_context_and_a_task_of_its_own(bench: Any) -> None:
    """Also those that begin in one wake-up and end at once."""
    variable: ContextVar[str] = ContextVar("variable", default="")
    found: list[str] = []
    tasks: list[asyncio.Task[Any] | None] = []

    async def body(_: Arrival) -> None:
        found.append(variable.get())
        tasks.append(asyncio.current_task())
        variable.set("an iteration's")

    on_wall(bench.load(0, 0, 0.001, duration=0.002), body, bench.seen())
    assert found == [""] * 3
    assert len(set(map(id, tasks))) == 3
    assert None not in tasks


@pytest.mark.parametrize("seconds", [0, 0.002])
@pytest.mark.parametrize("how", [{}, {"timeout": 10 * SECOND}], ids=["untimed", "timed"])
def test_failures_and_timeouts_at_once_and_later(bench: Any, seconds: float, how: dict[str, Any]) -> None:
    """Whenever a body raises, its sample says so, and the run goes on."""
    seen = bench.seen()

    async def body(arrival: Arrival) -> None:
        if seconds:
            await asyncio.sleep(seconds)
        if arrival.index == 1:
            raise ZeroDivisionError

    ending = on_wall(bench.load(0, 0.001, 0.002, duration=0.003, **how), body, seen)
    assert ending.end is End.COMPLETE
    assert [sample.outcome for sample in seen.by_index()] == [Outcome.OK, Outcome.FAILED, Outcome.OK]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_body_that_has_not_waited_yet_ends_everything(
    bench: Any, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """What ran is cut, and so is the one that raised it; what ends everything is not logged once more."""
    seen = bench.seen()

    async def body(arrival: Arrival) -> None:
        if arrival.index == 1:
            raise kind
        await asyncio.sleep(60)

    with pytest.raises(kind):
        on_wall(bench.load(0, 0.005, 3_600, duration=3_601), body, seen)
    assert [sample.outcome for sample in seen.by_index()] == [Outcome.CUT] * 2
    gc.collect()
    assert caplog.messages == []


def test_what_is_let_through_at_once_ends_the_run(bench: Any) -> None:
    """A skip in the first step of the first body: the second of that moment does not begin, or is not recorded."""

    class Skipped(BaseException):
        pass

    async def body(_: Arrival) -> None:
        raise Skipped

    seen = bench.seen()
    with pytest.raises(Skipped):
        on_wall(bench.load(0, 0, 3_600, duration=3_601, let_through=(Skipped,)), body, seen)
    assert seen.samples == []


def begins_within_the_wake_up(bench: Any, **how: Any) -> bool:
    """Whether a body's first step is done when the driver's wake-up returns."""
    within: list[bool] = []
    firing: list[bool] = [False]

    class Watched(Driver):
        def _fire(self) -> None:
            firing[0] = True
            super()._fire()
            firing[0] = False

    async def body(_: Arrival) -> None:
        within.append(firing[0])

    async def main() -> None:
        if "factory" in how:
            asyncio.get_running_loop().set_task_factory(how["factory"])
        await Watched(bench.load(0.001, duration=0.002), body, bench.seen(), WallClock()).run()

    asyncio.run(main())
    return within == [True]


def test_a_body_begins_within_the_wake_up(bench: Any) -> None:
    """A turn of the loop earlier than a task that has to wait for one."""
    assert begins_within_the_wake_up(bench)


def test_a_task_factory_of_somebody_elses_is_asked(bench: Any) -> None:
    """It may have to see every task: then bodies begin as it has them."""
    made: list[Any] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> Any:
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **how)

    assert not begins_within_the_wake_up(bench, factory=factory)
    assert "Driver._untimed" in made


def test_in_virtual_time_bodies_begin_as_on_every_python(bench: Any) -> None:
    """In the turn after: three of one moment on one slot are one that runs and two that are dropped, not one after the other."""
    _, seen = bench.drive(bench.load(1, 1, 1, max_in_flight=1, drop=True), bench.lasting(0))
    assert seen.drops == [1, 2]


def test_on_the_wall_clock_a_slot_is_free_once_its_body_is_over(bench: Any) -> None:
    """Bodies that take no time drop nobody, though all were due in one moment."""
    seen = bench.seen()

    async def body(_: Arrival) -> None:
        pass

    on_wall(bench.load(0, 0, 0, duration=0.001, max_in_flight=1, drop=True), body, seen)
    assert (len(seen.samples), seen.drops) == (3, [])
