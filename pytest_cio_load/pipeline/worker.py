"""The worker: takes jobs, has them sent, settles them; drains when asked to stop.

What it has taken stays the engine's until it is settled, so a worker that is killed loses nothing. Jobs that were under way when a worker
was killed are suspects: they are taken few at a time, in the end one by one, and the one that kills workers becomes a dead letter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from random import Random
from secrets import token_hex

from pytest_cio_load.errors import QueueError, QueueMismatch
from pytest_cio_load.pipeline.batch_crew import BatchCrew, Batching
from pytest_cio_load.pipeline.crew import Crew, Figures, Setting
from pytest_cio_load.pipeline.engines.engine import Again, Back, Dead, Delivery, Engine, Settlement
from pytest_cio_load.pipeline.fleet import Fleet
from pytest_cio_load.pipeline.gates.gate import Phase as Circuit
from pytest_cio_load.pipeline.jobs import Job, NotAJob, read
from pytest_cio_load.pipeline.lanes import Lanes
from pytest_cio_load.pipeline.policy import Policy, together
from pytest_cio_load.pipeline.settler import Settler
from pytest_cio_load.pipeline.single_crew import SingleCrew

CONCURRENCY = 10
"""Requests under way at once, per worker."""

GRACE = 25.0
"""Seconds that what is being sent gets to end, once a worker was asked to stop: less than the 30 s that Kubernetes gives a pod."""

_AHEAD, _IDLE, _RETRY = 10, 1.0, 0.5

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
        tell = self._settled, self._broke
        setting = Setting(fleet, self.consumer, policy or Policy(), self.figures, *tell, today, rng or Random())
        self._crew: Crew = BatchCrew(setting, batching) if batching is not None else SingleCrew(setting, concurrency)
        self._window = batching.window if batching is not None else concurrency
        self._in_batches = batching is not None
        self._lanes = Lanes()
        self._started: set[int] = set()
        self._level = 0
        self._changed = asyncio.Event()
        self._settler = Settler(self.consumer, self._lost, self._changed, self._handed_over)
        self._on_settled = on_settled
        self._aside: dict[int, Job] = {}
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._killed = False
        self._error: BaseException | None = None

    def stop(self) -> None:
        """Ask it to stop: it takes nothing more, ends what is being sent, and gives the rest back."""
        self._stop.set()

    def kill(self) -> None:
        """End at once, as a killed process does: nothing more is settled, and nothing given back. For tests of what comes then."""
        self._killed = True
        getattr(self.consumer, "kill", lambda: None)()
        if self._running is not None:
            self._running.cancel()

    async def run(self) -> None:
        """Work until asked to stop.

        Cancelled, it ends at once: what was sent is settled, the rest goes back.

        Raises:
            QueueUnavailable: the queue cannot be reached at the start.
            QueueMismatch: it is of another form.
        """
        self._running = asyncio.current_task()
        await self.consumer.start()
        self._go_on()
        feeding, settling = asyncio.create_task(self._feeding()), asyncio.create_task(self._settler.run())
        for task in (feeding, settling):
            task.add_done_callback(self._ended)
        clock = asyncio.get_running_loop().time
        asked = float("-inf")
        try:
            await self._stop.wait()
            asked = clock()
            feeding.cancel()
            await asyncio.wait({feeding})
            self.phase = Phase.DRAINING
            if not settling.done():
                await self._drain()
        finally:
            self._stop.set()
            feeding.cancel()
            settling.cancel()
            self._crew.abandon()
            await asyncio.wait({feeding, settling})
            await self._crew.landed()
            if not self._killed:
                await self._settler.finish(asked + self.grace)
            self.phase = Phase.STOPPED
        if self._error is not None:
            raise self._error

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._broke(error)

    def _broke(self, error: BaseException) -> None:
        """No job is to blame for it, so going on could harm them all: drain, and end with it."""
        self._error = self._error or error
        self._stop.set()
        self._changed.set()

    def _go_on(self) -> None:
        if self.phase is Phase.UNREACHABLE:
            log.warning("worker %s: the queue %s is back", self.name, self.engine.name)
        if self.phase in (Phase.STARTING, Phase.UNREACHABLE):
            self.phase, self.trouble = Phase.WORKING, ""

    async def _lost(self, error: QueueError) -> None:
        if self.phase is Phase.WORKING:
            log.warning("worker %s: %s", self.name, error)
            self.phase = Phase.UNREACHABLE
        self.trouble = str(error)
        await asyncio.sleep(_RETRY)

    def _room(self) -> int:
        """How many jobs may be taken now."""
        if self._level and self._settler.open:
            return 0  # suspects are taken once everything else is settled
        most = together(self._window, self._level)
        return min(most - self._crew.busy, self._window * _AHEAD - self._settler.open)

    async def _feeding(self) -> None:
        """Take jobs, until cancelled."""
        while True:
            self._changed.clear()
            most = self._room()
            if most <= 0:
                await self._changed.wait()
                continue
            if self._level and any(gate.state().phase is Circuit.OPEN for gate in self.fleet.gates):
                await asyncio.sleep(_RETRY)  # a suspect that only waits at a gate must not be charged with the next kill
                continue
            try:
                deliveries = await self.consumer.take(most, _IDLE)
            except QueueError as error:
                if isinstance(error, QueueMismatch):
                    raise
                await self._lost(error)
            else:
                self._go_on()
                self._accept(deliveries)

    def _accept(self, deliveries: Sequence[Delivery]) -> None:
        """Start what was taken; give back suspects that must not run beside what is under way."""
        self.figures.taken += len(deliveries)
        self._settler.open += len(deliveries)
        allowed = together(self._window, self._level)
        suspect = next((place for place, each in enumerate(deliveries) if together(self._window, each.kills) < allowed), None)
        if suspect is not None:
            self._level = deliveries[suspect].kills
            self._settler.settle([Back(each) for each in deliveries[suspect:]])
            self.figures.given_back += len(deliveries) - suspect
            deliveries = deliveries[:suspect]
        elif deliveries:
            self._level = max(each.kills for each in deliveries)
        for delivery in deliveries:
            try:
                job = read(delivery)
            except NotAJob as error:
                self.figures.dead += 1
                self._settler.settle([Dead(delivery, str(error), delivery.attempts)])
                continue
            self._lanes.add(job)
            self._start_if_free(job)

    def _start_if_free(self, job: Job) -> bool:
        is_mine = not self._stop.is_set() and id(job) not in self._started and id(job.delivery) not in self._aside
        if not is_mine or not self._crew.may_start(job, self._lanes.ahead(job)):
            return False
        self._started.add(id(job))
        self._crew.start(job)
        return True

    def _settled(self, results: Sequence[tuple[Job, Settlement | None]]) -> None:
        """What became of jobs. What waits behind them may start: it is settled after them, in the same order."""
        freed: list[Job] = []
        for job, settlement in results:
            if isinstance(settlement, Again) and self.consumer.repeats_in_place:
                self._put_aside(job, settlement)
                continue
            freed += self._remove(job)
            if settlement is None:
                self._settler.open -= 1
            else:
                self._settler.settle([settlement])
        self._start_freed(freed)

    def _put_aside(self, job: Job, settlement: Again) -> None:
        """Settle a job with Again, and what is behind it: that goes where the one before it went, so that it does not overtake it.

        They keep their lanes until the queue knows. What was taken since then stands behind them, and is the queue's to put aside too.
        """
        behind = self._lanes.behind(job)
        self._crew.drop(behind)
        for each, how in [(job, settlement), *((each, Again(each.delivery, 0.0, "")) for each in behind)]:
            if id(each.delivery) not in self._aside:
                self._aside[id(each.delivery)] = each
                self._settler.settle([how])

    def _handed_over(self, settlement: Settlement) -> None:
        """The queue knows what became of a job."""
        job = self._aside.pop(id(settlement.delivery), None)
        if job is not None:
            self._start_freed(self._remove(job))
        if self._on_settled is not None:
            self._on_settled(settlement)

    def _start_freed(self, freed: Sequence[Job]) -> None:
        waiting = deque(freed)
        while waiting:
            job = waiting.popleft()
            if job in self._lanes and self._start_if_free(job) and self._in_batches:
                # It may share its batch with those right behind it.
                waiting += self._lanes.next(job)
        self._changed.set()

    def _remove(self, job: Job) -> list[Job]:
        self._started.discard(id(job))
        return self._lanes.remove(job)

    async def _drain(self) -> None:
        self._crew.withdraw()
        try:
            async with asyncio.timeout(self.grace):
                await self._crew.landed()
                left = [Back(job.delivery) for job in self._lanes.taken() if id(job.delivery) not in self._aside]
                self.figures.given_back += len(left)
                # They were taken before whatever is being given back already.
                self._settler.settle(left, first=True)
                while self._settler.open > 0 and self._error is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.warning("worker %s: %d jobs were under way after %g s; they are taken again", self.name, self._settler.open, self.grace)
