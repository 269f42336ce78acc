"""Driving the body of a case, async or sync: the clock, the load, what is watched beside it, and the cleaning up after it."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pytest_cio_load.case import LET_THROUGH
from pytest_cio_load.errors import ContractError, Problem, SafetyError
from pytest_cio_load.load.clock import VirtualClock, WallClock, supports_virtual_time
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.loops import loop_factory
from pytest_cio_load.load.run import End
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.load.threads import ThreadDriver
from pytest_cio_load.reports.live import live
from pytest_cio_load.safety.aim import MOCK
from pytest_cio_load.safety.turn import turn
from pytest_cio_load.targets.target import used_by
from pytest_cio_load.targets.warming import warm
from pytest_cio_load.targets.watch import ThreadWatch, Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_cio_load.case import Case
    from pytest_cio_load.load.run import Ending


async def run_async(case: Case, body: Callable[..., Awaitable[object]], arguments: dict[str, Any]) -> None:
    """Drive an async body in the running loop, or run it once."""
    clock = _choose_clock(case, asyncio.get_running_loop())

    async def iterate(arrival: Arrival) -> None:
        with iteration(arrival) as its_own:
            await body(**its_own)

    ending: Ending | None = None
    with turn(alone=case.drives and clock.name == "wall"), clock if isinstance(clock, VirtualClock) else nullcontext():
        if case.has_queue:
            await case.queue.open()
        try:
            await _warm(case, clock)
            case.begin(clock)
            iteration = case.iterations(arguments)
            if case.has_queue:
                await case.queue.begin(lambda: clock.now() / 1_000_000, virtual=clock.name == "virtual")
            if not case.drives:
                await iterate(Arrival(0, 0))
                if case.has_queue:
                    await case.queue.check_settled()
            else:
                ending = await _drive(case, iterate, clock)
        finally:
            case.stop()
            if case.has_queue:
                await case.queue.close()
            if case.has_target:
                await case.target.aclose()
    case.conclude(ending)


async def _warm(case: Case, clock: WallClock | VirtualClock) -> None:
    """Have connections open before the run's clock starts; the mock has none, and what a queue is sent by begins when there are jobs."""
    if case.drives and case.has_target and not case.has_queue and clock.name == "wall" and case.settings.target != MOCK:
        assert case.contract is not None
        await warm(case.target.senders, case.contract.profile)


async def _drive(case: Case, iterate: Callable[[Arrival], Awaitable[None]], clock: WallClock | VirtualClock) -> Ending:
    """The load itself, what is watched beside it, and the draining of a queue."""
    assert case.measurement is not None
    watch = Watch(case.canary) if case.watches else None
    with live(case.item.config, case.measurement, case.item.name) as progress:
        load = case.measurement.load(let_through=(*LET_THROUGH, SafetyError), progress=progress)
        try:
            if watch is not None:
                watch.start()
            ending = await Driver(load, iterate, case.sink, clock).run()
            if case.has_queue:
                await _drain(case, ending)
            if watch is not None and ending.end is End.COMPLETE:
                case.saw(await watch.finish())
        finally:
            if watch is not None:
                await watch.aclose()
    return ending


async def _drain(case: Case, ending: Ending) -> None:
    """Give the queue the time to become empty, and record what became of its jobs; of a run cut short there is nothing to say."""
    assert case.measurement is not None
    if ending.end is End.COMPLETE:
        for name, value in (await case.queue.measured(await case.queue.drain(ending.lasted / 1_000_000))).items():
            case.measurement.recorder.told(name, value)


def run_sync(case: Case, body: Callable[..., object], arguments: dict[str, Any]) -> None:
    """Drive a sync body on threads, or run it once."""
    clock = WallClock()

    def iterate(arrival: Arrival) -> None:
        with iteration(arrival) as its_own:
            _refuse_coroutine(case, body(**its_own))

    ending: Ending | None = None
    with turn(alone=case.drives):
        case.begin(clock)
        iteration = case.iterations(arguments)
        try:
            if not case.drives:
                iterate(Arrival(0, 0))
            else:
                ending = _drive_threads(case, iterate, clock)
        finally:
            case.stop()
            if case.has_target:
                case.target.close()
    case.conclude(ending)


def _drive_threads(case: Case, iterate: Callable[[Arrival], None], clock: WallClock) -> Ending:
    assert case.measurement is not None
    watch = ThreadWatch(case.canary) if case.watches else None
    with live(case.item.config, case.measurement, case.item.name) as progress:
        load = case.measurement.load(let_through=(*LET_THROUGH, ContractError, SafetyError), progress=progress)
        try:
            if watch is not None:
                watch.start()
            ending = ThreadDriver(load, iterate, case.sink, clock).run()
            if watch is not None and ending.end is End.COMPLETE:
                case.saw(watch.finish())
        finally:
            if watch is not None:
                watch.close()
    return ending


def _refuse_coroutine(case: Case, result: object) -> None:
    """A decorator can hide that a test is async. Nobody would await it, and nothing would be measured."""
    if inspect.isawaitable(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()
        nearest = "let its decorator return an async def that awaits the test"
        raise ContractError([Problem(case.item.name, "", f"a plain function, not one that returns a {type(result).__name__}", nearest)])


def own_loop(case: Case) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop of an async test that no plugin runs; None: what is made by itself."""
    asked = case.settings.uvloop
    return loop_factory(wall=case.drives and asked != "off" and not wants_virtual(case), always=asked == "on")


def wants_virtual(case: Case) -> bool:
    """Whether time is to be skipped, on a loop that can: it was asked for, or nobody said and everything that is waited for is ours."""
    if case.asked_clock is not None:
        return case.asked_clock == "virtual"
    ours = case.contract is not None and case.settings.target == "mock" and used_by(case.item.fixturenames)
    return ours and (case.settings.queue.skips_time or not case.has_queue)


def _choose_clock(case: Case, loop: asyncio.AbstractEventLoop) -> WallClock | VirtualClock:
    if case.asked_clock == "virtual":
        try:
            return VirtualClock(loop)
        except ValueError as error:
            raise ContractError([Problem("clock", "'virtual'", "asyncio's own event loop", str(error))]) from None
    return VirtualClock(loop) if wants_virtual(case) and supports_virtual_time(loop) else WallClock()
