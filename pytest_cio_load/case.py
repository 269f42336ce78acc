"""One marked test: what it promises, the run that is measured, and what becomes of it."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

import pytest

from pytest_cio_load.collecting import arguments_of, is_async
from pytest_cio_load.contract.verdict import Outcome
from pytest_cio_load.errors import ContractBroken, ContractError, Inconclusive, Problem
from pytest_cio_load.load.clock import VirtualClock, WallClock, supports_virtual_time
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.iteration import CURRENT, CurrentIteration, Iteration
from pytest_cio_load.load.run import End
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.load.threads import ThreadDriver
from pytest_cio_load.measurement import Measurement, Subject
from pytest_cio_load.reports.document import Document, document, properties
from pytest_cio_load.reports.live import live
from pytest_cio_load.reports.terminal import Telling, plain, section
from pytest_cio_load.safety.aim import problem_with, problem_with_clock
from pytest_cio_load.safety.turn import turn
from pytest_cio_load.targets.target import Target, used_by

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.customerio.client import CallRecord
    from pytest_cio_load.load.run import Ending
    from pytest_cio_load.safety.ledger import User
    from pytest_cio_load.settings import Settings
    from pytest_cio_load.targets.queue import QueueUnderTest

ASYNC_IN_FLIGHT = 10_000
"""A stop for runaway memory, not a limit on the model."""
SYNC_IN_FLIGHT = 64
"""Threads of a sync test, unless it says otherwise."""

LET_THROUGH = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)


class Case:
    """One marked test, or one that merely uses our fixtures: then *contract* is None, and its body runs once.

    Attributes:
        document: the run document, once there is a verdict.
        current: the ``cio_load`` that fixtures get.
    """

    def __init__(self, item: pytest.Function, contract: Contract | None, settings: Settings) -> None:
        self.item, self.contract, self.settings = item, contract, settings
        self.document: Document | None = None
        self.current = cast("Iteration", CurrentIteration())
        self.measurement: Measurement | None = None
        # Asked now: while the item is called, its function is whatever stands in for it.
        self.is_async = is_async(item)
        self._home = inspect.unwrap(item.function).__code__.co_filename
        asked = contract.seed if contract is not None else None
        self.seed = next(seed for seed in (asked, settings.seed, crc32(item.nodeid.encode())) if seed is not None)

    @property
    def drives(self) -> bool:
        """Whether the body is driven as a load; otherwise it runs once."""
        return self.contract is not None and self.settings.mode == "load"

    @cached_property
    def target(self) -> Target:
        """What the calls reach; made when a fixture asks for it."""
        target = Target(self.settings, seed=self.seed, on_call=self._on_call)
        self.item.addfinalizer(target.stop)
        return target

    @cached_property
    def queue(self) -> QueueUnderTest:
        """The pipeline; made when a fixture asks for it."""
        from pytest_cio_load.targets.queue import QueueUnderTest

        return QueueUnderTest(self.settings.queue, self.target, seed=self.seed, on_call=self._on_call)

    def aim(self, target: str) -> Target:
        """The target, which a fixture of the author's own may have named only now.

        Raises:
            ContractError: it is no target, or none that virtual time can reach.
        """
        if target != self.settings.target:
            problem = problem_with(target) or problem_with_clock(self._asked_clock, target)
            if problem is not None:
                raise ContractError([problem])
            self.settings = replace(self.settings, target=target)
        return self.target

    @property
    def _asked_clock(self) -> str | None:
        return (self.contract.clock if self.contract is not None else None) or self.settings.clock

    def _user(self, index: int) -> User:
        return self.target.user(index)

    def _instrument(self, client: Any) -> Any:
        from pytest_cio_load.customerio.instrument import instrument
        from pytest_cio_load.fake.routes import find

        def name(method: str, path: str, host: str) -> str:
            operation = find(method, path, host).operation
            return "http" if operation == "unknown" else operation

        clock = self.measurement.clock if self.measurement is not None else WallClock()
        return instrument(client, on_call=self._on_call, now=lambda: clock.now() / 1_000_000, name=name)

    def _on_call(self, record: CallRecord) -> None:
        if self.measurement is not None:
            self.measurement.on_call(record)

    async def run_async(self, body: Callable[..., Awaitable[object]], arguments: dict[str, Any]) -> None:
        """Drive an async body in the running loop, or run it once."""
        clock = self._choose_clock(asyncio.get_running_loop())

        async def iterate(arrival: Arrival) -> None:
            with self._iteration(arrival, arguments) as its_own:
                await body(**its_own)

        with turn(alone=self.drives and clock.name == "wall"), clock if isinstance(clock, VirtualClock) else nullcontext():
            if self._has_queue:
                await self.queue.open()
            self._begin(clock)
            try:
                if self._has_queue:
                    await self.queue.begin(lambda: clock.now() / 1_000_000, virtual=clock.name == "virtual")
                if not self.drives:
                    await iterate(Arrival(0, 0))
                    return
                assert self.measurement is not None
                with live(self.item.config, self.measurement, self.item.name) as progress:
                    load = self.measurement.load(let_through=LET_THROUGH, progress=progress)
                    ending = await Driver(load, iterate, self.measurement.recorder, clock).run()
                    if self._has_queue:
                        await self._drain(ending)
            finally:
                self._stop()
                if self._has_queue:
                    await self.queue.close()
                if self._has_target:
                    await self.target.aclose()
        self.conclude(ending)

    async def _drain(self, ending: Ending) -> None:
        """Give the queue the time to become empty, and record what became of its jobs; of a run cut short there is nothing to say."""
        assert self.measurement is not None
        if ending.end is End.COMPLETE:
            for name, value in (await self.queue.measured(await self.queue.drain(ending.lasted / 1_000_000))).items():
                self.measurement.recorder.queue(name, value)

    def run_sync(self, body: Callable[..., object], arguments: dict[str, Any]) -> None:
        """Drive a sync body on threads, or run it once."""
        clock = WallClock()

        def iterate(arrival: Arrival) -> None:
            with self._iteration(arrival, arguments) as its_own:
                self._refuse_coroutine(body(**its_own))

        with turn(alone=self.drives):
            self._begin(clock)
            try:
                if not self.drives:
                    iterate(Arrival(0, 0))
                    return
                assert self.measurement is not None
                with live(self.item.config, self.measurement, self.item.name) as progress:
                    load = self.measurement.load(let_through=(*LET_THROUGH, ContractError), progress=progress)
                    ending = ThreadDriver(load, iterate, self.measurement.recorder, clock).run()
            finally:
                self._stop()
                if self._has_target:
                    self.target.close()
        self.conclude(ending)

    def _refuse_coroutine(self, result: object) -> None:
        """A decorator can hide that a test is async. Nobody would await it, and nothing would be measured."""
        if inspect.isawaitable(result) or inspect.isasyncgen(result):
            if inspect.iscoroutine(result):
                result.close()
            nearest = "let its decorator return an async def that awaits the test"
            raise ContractError([Problem(self.item.name, "", f"a plain function, not one that returns a {type(result).__name__}", nearest)])

    def _stop(self) -> None:
        if self.measurement is not None:
            self.measurement.stop()

    @property
    def _has_target(self) -> bool:
        return "target" in self.__dict__

    @property
    def _has_queue(self) -> bool:
        return "queue" in self.__dict__

    def _choose_clock(self, loop: asyncio.AbstractEventLoop) -> WallClock | VirtualClock:
        asked = self._asked_clock
        if asked == "virtual":
            try:
                return VirtualClock(loop)
            except ValueError as error:
                raise ContractError([Problem("clock", "'virtual'", "asyncio's own event loop", str(error))]) from None
        skips = asked is None and self.contract is not None and self.settings.target == "mock" and used_by(self.item.fixturenames)
        skips = skips and (self.settings.queue.skips_time or not self._has_queue)
        return VirtualClock(loop) if skips and supports_virtual_time(loop) else WallClock()

    def _begin(self, clock: WallClock | VirtualClock) -> None:
        clock.start()
        if self._has_target:
            self.target.begin(lambda: clock.now() / 1_000_000)
        if self.drives:
            assert self.contract is not None
            self.measurement = Measurement(self.contract, self._subject(self.contract), clock)

    def _subject(self, contract: Contract) -> Subject:
        path, line, _ = self.item.location
        default = ASYNC_IN_FLIGHT if self.is_async else SYNC_IN_FLIGHT
        uses_target = used_by(self.item.fixturenames)
        return Subject(
            test=self.item.nodeid,
            location=f"{path}:{(line or 0) + 1}",
            home=self._home,
            target=self.settings.target if uses_target else "none",
            seed=self.seed,
            max_in_flight=contract.max_in_flight or default,
            pace=self.settings.pace or self.settings.limit if uses_target else None,
            calls_expected=not {"cio", "cio_sync", "cio_queue", "cio_batch"}.isdisjoint(arguments_of(self.item)),
            queued=self._has_queue,
        )

    @contextmanager
    def _iteration(self, arrival: Arrival, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Make the iteration the current one; gives the body's arguments, with the iteration in the place of the stand-in."""
        book = self.measurement.recorder if self.measurement is not None else _Unmeasured()
        now = self.measurement.clock.now if self.measurement is not None else WallClock().now
        iteration = Iteration(arrival, book, now=now, user=self._user, seed=self.seed, instrument=self._instrument)
        token = CURRENT.set(iteration)
        try:
            yield {name: iteration if value is self.current else value for name, value in arguments.items()}
        finally:
            CURRENT.reset(token)

    def conclude(self, ending: Ending) -> None:
        """Judge the run, keep its document, and raise what it comes to.

        Raises:
            ContractBroken: a clause was not kept.
            Inconclusive: the run cannot tell.
        """
        assert self.measurement is not None
        delivery = self.target.delivery() if self._has_target else {}
        run = self.measurement.conclude(ending, delivery=delivery, cleanup=self.target.cleanup if self._has_target else {})
        self.document = document(run)
        self.item.add_report_section("call", "cio-load", plain(section(self.document)))
        # In place of those of an earlier run, where a plugin runs a test again.
        others = [prop for prop in self.item.user_properties if not prop[0].startswith("cio_load.")]
        self.item.user_properties[:] = [*others, *properties(self.document)]
        if run.verdict.outcome is Outcome.BROKEN:
            raise ContractBroken(str(Telling(self.document)))
        if run.verdict.outcome is Outcome.INCONCLUSIVE:
            raise Inconclusive(str(Telling(self.document)))

    def cut_short(self, reason: str) -> None:
        """Report what there is of a run that was ended from outside."""
        if self.measurement is not None and self.document is None:
            # Whatever ended the run is on its way already, and says more.
            with suppress(ContractBroken, Inconclusive):
                self.conclude(self.measurement.cut_short(reason))


class _Unmeasured:
    """Where an iteration writes when nothing is measured: the body runs once, as the functional test it also is."""

    def measures(self, due: int) -> bool:
        return False

    def add(self, name: str, kind: object, value: float, unit: str = "") -> None:
        """Nothing."""

    def declare(self, name: str, kind: object, unit: str = "") -> None:
        """Nothing."""
