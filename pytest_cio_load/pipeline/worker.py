"""The worker: takes jobs, has them sent, settles them; drains when asked to stop.

What it has taken stays the engine's until it is settled, so a worker that is killed loses nothing. Jobs that were under way when a worker
was killed are suspects: they are taken few at a time, in the end one by one, and the one that kills workers becomes a dead letter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from random import Random
from secrets import token_hex

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.batch_crew import BatchCrew, Batching
from pytest_cio_load.pipeline.crew import Crew, Figures, Setting, SingleCrew
from pytest_cio_load.pipeline.engines.engine import Again, Back, Dead, Delivery, Engine, Settlement
from pytest_cio_load.pipeline.fleet import Fleet
from pytest_cio_load.pipeline.jobs import Job, NotAJob, read
from pytest_cio_load.pipeline.lanes import Lanes
from pytest_cio_load.pipeline.policy import Policy, together

CONCURRENCY = 10
"""Requests under way at once, per worker."""

GRACE = 25.0
"""Seconds that what is being sent gets to end, once a worker was asked to stop: less than the 30 s that Kubernetes gives a pod."""

_AHEAD = 10
_IDLE = 1.0
_RETRY = 0.5

log = logging.getLogger("pytest_cio_load.pipeline")


class Phase(Enum):
    """What a worker is doing."""

    STARTING = "starting"
    WORKING = "working"
    UNREACHABLE = "unreachable"
    """The queue is: it keeps asking."""
    DRAINING = "draining"
    STOPPED = "stopped"


class Worker:
    """Sends what is queued.

    Args:
        engine: where jobs come from.
        fleet: where they go.
        concurrency: requests under way at once; without effect when batching.
        batching: how operations are gathered into batches; None to send each in a request of its own.
        policy: when a job is tried again.
        name: of this worker, one that no other has; made when not given.
        grace: seconds that what is being sent gets to end, once asked to stop.
        rng: of jitter.
        today: unix seconds.
        on_settled: is told every settlement.

    Raises:
        ValueError: concurrency is under 1.
    """

    def __init__(
        self,
        engine: Engine,
        fleet: Fleet,
        *,
        concurrency: int = CONCURRENCY,
        batching: Batching | None = None,
        policy: Policy | None = None,
        name: str | None = None,
        grace: float = GRACE,
        rng: Random | None = None,
        today: Callable[[], float] = time.time,
        on_settled: Callable[[Settlement], None] | None = None,
    ) -> None:
        self.name = name or f"worker-{token_hex(6)}"
        self.engine, self.fleet, self.grace = engine, fleet, grace
        self.figures = Figures()
        self.phase = Phase.STARTING
        self.trouble = ""
        self.consumer = engine.consumer(self.name)
        setting = Setting(fleet, self.consumer, policy or Policy(), self.figures, self._settled, today, rng or Random())
        self._crew: Crew = BatchCrew(setting, batching) if batching is not None else SingleCrew(setting, concurrency)
        self._window = batching.window if batching is not None else concurrency
        self._in_batches = batching is not None
        self._on_settled = on_settled
        self._lanes = Lanes()
        self._started: set[int] = set()
        self._level = 0
        self._outcomes: list[Settlement] = []
        self._unsettled = 0
        self._changed = asyncio.Event()
        self._to_settle = asyncio.Event()
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._killed = False

    def stop(self) -> None:
        """Ask it to stop: it takes nothing more, ends what is being sent, and gives the rest back."""
        self._stop.set()

    def kill(self) -> None:
        """End at once, as a killed process does: nothing more is settled, and nothing given back. For tests of what comes then."""
        self._killed = True
        die = getattr(self.consumer, "kill", None)
        if die is not None:
            die()
        if self._running is not None:
            self._running.cancel()

    async def run(self) -> None:
        """Work until asked to stop. Raises QueueUnavailable when the queue cannot be reached at the start."""
        self._running = asyncio.current_task()
        await self.consumer.start()
        self._go_on()
        settling = asyncio.create_task(self._settling())
        try:
            await self._feeding()
            self.phase = Phase.DRAINING
            await self._drain()
        except BaseException:
            self._crew.abandon()
            raise
        finally:
            settling.cancel()
            with suppress(asyncio.CancelledError):
                await settling
            if not self._killed:
                with suppress(QueueUnavailable):
                    await self.consumer.close()
            self.phase = Phase.STOPPED

    def _go_on(self) -> None:
        if self.phase is Phase.UNREACHABLE:
            log.warning("worker %s: the queue %s is back", self.name, self.engine.name)
        if self.phase in (Phase.STARTING, Phase.UNREACHABLE):
            self.phase, self.trouble = Phase.WORKING, ""

    async def _lost(self, error: QueueUnavailable) -> None:
        if self.phase is Phase.WORKING:
            log.warning("worker %s: %s", self.name, error)
            self.phase = Phase.UNREACHABLE
        self.trouble = str(error)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), _RETRY)

    def _room(self) -> int:
        """How many jobs may be taken now."""
        if self._level and self._unsettled:
            return 0  # suspects are taken once everything else is settled
        most = together(self._window, self._level)
        return min(most - self._crew.busy, self._window * _AHEAD - self._unsettled)

    async def _feeding(self) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                self._changed.clear()
                most = self._room()
                if most <= 0:
                    changing = asyncio.create_task(self._changed.wait())
                    await asyncio.wait({changing, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    changing.cancel()
                    continue
                taking = asyncio.create_task(self.consumer.take(most, _IDLE))
                await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    taking.cancel()
                try:
                    self._accept(await taking)
                    self._go_on()
                except QueueUnavailable as error:
                    await self._lost(error)
                except asyncio.CancelledError:
                    if not self._stop.is_set():
                        raise
        finally:
            stopping.cancel()

    def _accept(self, deliveries: Sequence[Delivery]) -> None:
        """Start what was taken; give back suspects that must not run beside what is under way."""
        self.figures.taken += len(deliveries)
        self._unsettled += len(deliveries)
        allowed = together(self._window, self._level)
        suspect = next((place for place, each in enumerate(deliveries) if together(self._window, each.kills) < allowed), None)
        if suspect is not None:
            self._level = deliveries[suspect].kills
            self._settle([Back(each) for each in deliveries[suspect:]])
            self.figures.given_back += len(deliveries) - suspect
            deliveries = deliveries[:suspect]
        elif deliveries:
            self._level = max(each.kills for each in deliveries)
        for delivery in deliveries:
            try:
                job = read(delivery)
            except NotAJob as error:
                self.figures.dead += 1
                self._settle([Dead(delivery, str(error), delivery.attempts)])
                continue
            self._lanes.add(job)
            self._start_if_free(job)

    def _start_if_free(self, job: Job) -> bool:
        if id(job) in self._started or not self._crew.may_start(job, self._lanes.ahead(job)):
            return False
        self._started.add(id(job))
        self._crew.start(job)
        return True

    def _settled(self, results: Sequence[tuple[Job, Settlement | None]]) -> None:
        """What became of jobs. What waits behind them may start: it is settled after them, in the same order."""
        freed: list[Job] = []
        for job, settlement in results:
            behind = self._lanes.behind(job) if isinstance(settlement, Again) and self.consumer.repeats_in_place else []
            freed += self._remove(job)
            if settlement is None:
                self._unsettled -= 1
            else:
                self._settle([settlement])
            for each in behind:
                # They go where the one before them went, so that they do not overtake it.
                freed += self._remove(each)
                self._settle([Again(each.delivery, 0.0, "")])
        for job in self._lanes.taken() if self._in_batches else freed:
            if job in self._lanes:
                self._start_if_free(job)
        self._changed.set()

    def _remove(self, job: Job) -> list[Job]:
        self._started.discard(id(job))
        return self._lanes.remove(job)

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        self._outcomes.extend(settlements)
        self._to_settle.set()

    async def _settling(self) -> None:
        """Hand settlements to the engine, in order, as many at once as there are."""
        while True:
            await self._to_settle.wait()
            self._to_settle.clear()
            several, self._outcomes = self._outcomes, []
            await self._hand_over(several)

    async def _hand_over(self, settlements: Sequence[Settlement]) -> None:
        while True:
            try:
                await self.consumer.settle(settlements)
                break
            except QueueUnavailable as error:
                await self._lost(error)
                if self._stop.is_set():
                    await asyncio.sleep(_RETRY)
        self._unsettled -= len(settlements)
        if self._on_settled is not None:
            for each in settlements:
                self._on_settled(each)
        self._changed.set()

    async def _drain(self) -> None:
        self._crew.withdraw()
        try:
            async with asyncio.timeout(self.grace):
                await self._crew.landed()
                left = self._lanes.taken()
                self.figures.given_back += len(left)
                self._settle([Back(job.delivery) for job in left])
                while self._unsettled > 0:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.warning("worker %s: %d jobs were under way after %g s; they are taken again", self.name, self._unsettled, self.grace)
            self._crew.abandon()
