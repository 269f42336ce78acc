"""``cio_queue``: the pipeline that a test holds. Its calls enqueue, its workers send, and what becomes of the jobs is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_cio_load.customerio.calls import Calls
from pytest_cio_load.customerio.exchange import CallRecord
from pytest_cio_load.customerio.operations.operation import Operation, Ulids
from pytest_cio_load.customerio.wire import Answer
from pytest_cio_load.errors import CustomerIOError, QueueError
from pytest_cio_load.pipeline.engines.engine import DeadLetter, Engine, State, Totals
from pytest_cio_load.pipeline.producer import Producer
from pytest_cio_load.queue_settings import MEMORY
from pytest_cio_load.units import duration

if TYPE_CHECKING:
    from pytest_cio_load.queue_settings import QueueSettings
    from pytest_cio_load.targets.target import Target
    from pytest_cio_load.targets.teams import Team

T = TypeVar("T")
_VIRTUAL_EPOCH = 1_700_000_000.0
_LOOK = 1.0
_LOOK_WHILE_DRAINING = 0.25
_ONCE = 60.0
_UNFINISHED = (State.WAITING, State.PRIORITIZED, State.DELAYED, State.ACTIVE)


class Moment:
    """A moment of the run, at which something happens to the workers; made by :meth:`QueueUnderTest.at`."""

    def __init__(self, queue: QueueUnderTest, when: float) -> None:
        self._queue, self._when = queue, when

    def kill(self, worker: int = 0, *, back_after: str | float | None = "5s") -> Moment:
        """Kill a worker as with SIGKILL, by its number from 0; another one takes its place after a while, or never (None)."""
        later = None if back_after is None else float(duration(back_after))
        self._queue._plan(self._when, lambda team: team.kill(worker))
        if later is not None:
            self._queue._plan(self._when + later, lambda team: team.start(worker))
        return self

    def stop(self, worker: int = 0) -> Moment:
        """Ask a worker to stop, as with SIGTERM: it drains."""
        self._queue._plan(self._when, lambda team: team.stop(worker))
        return self

    def start(self, workers: int = 1) -> Moment:
        """Start more workers."""
        for _ in range(workers):
            self._queue._plan(self._when, lambda team: team.start(None))
        return self


class QueueUnderTest(Calls):
    """The pipeline of one test.

    Every call of the client is here, and enqueues its operation instead of sending it: ``await cio_queue.identify(id, email=…)``.

    Args:
        settings: what the marker says.
        target: what the workers send to.
        seed: of ids and jitter.
        on_call: is given the record of every enqueueing.

    Attributes:
        engine: what keeps the jobs; ask it ``depth()``, ``totals()``, ``dead_letters()``.
        producer: what enqueues; its ``counts`` say what was shed.
    """

    def __init__(self, settings: QueueSettings, target: Target, *, seed: int, on_call: Callable[[CallRecord], None]) -> None:
        self.settings, self._target, self._seed, self._on_call = settings, target, seed, on_call
        self._moments: list[tuple[float, Callable[[Team], Any]]] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._epoch = time.time()
        self._now: Callable[[], float] = time.monotonic
        self._new_id = Ulids(Random(f"queue ids:{seed}") if settings.engine == MEMORY else Random(), self._today)
        self._looks: list[tuple[float, int, float]] = []
        self._folder = TemporaryDirectory(prefix="cio-load-queue-", ignore_cleanup_errors=True)
        self._team: Team | None = None
        self._engine: Engine | None = None
        self._producer: Producer | None = None

    @property
    def engine(self) -> Engine:
        """What keeps the jobs."""
        assert self._engine is not None, "cio_queue is opened before the test begins"
        return self._engine

    @property
    def producer(self) -> Producer:
        """What enqueues."""
        assert self._producer is not None, "cio_queue is opened before the test begins"
        return self._producer

    def at(self, when: str | float) -> Moment:
        """A moment of the run, for what is to happen to the workers then: ``cio_queue.at("20s").kill(0)``. Before the run."""
        return Moment(self, float(duration(when)))

    def _plan(self, when: float, what: Callable[[Team], Any]) -> None:
        self._moments.append((when, what))

    async def enqueue(self, operation: Operation, *, delay: float = 0.0, priority: int = 0) -> str | None:
        """Enqueue an operation that was made elsewhere. See :meth:`Producer.enqueue`."""
        return await self._timed(lambda: self.producer.enqueue(operation, delay=delay, priority=priority))

    async def enqueue_many(self, operations: Iterable[Operation] | AsyncIterable[Operation]) -> list[str]:
        """Enqueue many. See :meth:`Producer.enqueue_many`."""
        return await self._timed(lambda: self.producer.enqueue_many(operations))

    async def depth(self) -> int:
        """Jobs that are not settled."""
        found = await self.engine.depth()
        return sum(found.get(state, 0) for state in _UNFINISHED)

    async def totals(self) -> Totals:
        """What has become of jobs so far."""
        return await self.engine.totals()

    async def dead_letters(self) -> list[DeadLetter]:
        """What was given up, the oldest first; at most a thousand of it."""
        return await self.engine.dead_letters(0, 1000)

    async def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> Any:
        """Enqueue what a client would send."""
        return await self._timed(lambda: self.producer.enqueue(build()))

    async def _timed(self, enqueue: Callable[[], Awaitable[T]]) -> T:
        began, waited = self._now(), self.producer.counts.waited
        error: CustomerIOError | None = None
        try:
            return await enqueue()
        except CustomerIOError as raised:
            error = raised
            raise
        except asyncio.CancelledError:
            raise
        except Exception as raised:
            error = CustomerIOError("enqueue", str(raised), attempts=1)
            raise
        finally:
            self._on_call(CallRecord("enqueue", began, self._now(), self.producer.counts.waited - waited, 1, error))

    async def open(self) -> None:
        """Get the engine going, before the run's clock starts."""
        from pytest_cio_load.targets.teams import open_engine

        self._engine = open_engine(self.settings, self._today, Path(self._folder.name))
        self._producer = Producer(
            self._engine,
            max_depth=self.settings.max_depth,
            when_full=self.settings.when_full,
            new_id=self._new_id,
            today=self._today,
        )

    def _today(self) -> float:
        return self._epoch + self._now()

    async def begin(self, now: Callable[[], float], *, virtual: bool) -> None:
        """The run begins: so do the workers.

        Args:
            now: seconds since the start of the run.
            virtual: they are virtual ones; then the run always has the same date, so that two runs give the same figures.
        """
        from pytest_cio_load.targets.teams import make_team

        self._epoch, self._now = _VIRTUAL_EPOCH if virtual else time.time(), now
        self._team = make_team(self.settings, self._target, self.engine, seed=self._seed, today=self._today, folder=Path(self._folder.name))
        await self._team.begin(self.settings.workers)
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._act())]

    async def _watch(self) -> None:
        while True:
            with suppress(OSError):
                self._looks.append((self._now(), await self.depth(), await self.engine.age()))
            await asyncio.sleep(_LOOK)

    async def _act(self) -> None:
        assert self._team is not None
        for when, what in sorted(self._moments, key=lambda moment: moment[0]):
            await asyncio.sleep(max(0.0, when - self._now()))
            await what(self._team)

    async def drain(self, since: float) -> float:
        """Wait until everything is settled, or the time for it is over.

        Args:
            since: when the last iteration began, in seconds of the run.

        Returns:
            Seconds it took after *since*; at least the time allowed, when something is not settled yet.
        """
        until = since + self.settings.drain
        while await self.depth():
            if self._now() >= until:
                return self.settings.drain
            await asyncio.sleep(_LOOK_WHILE_DRAINING)
        return max(0.0, self._now() - since)

    async def check_settled(self) -> None:
        """Wait until the jobs of a body that ran once are settled: that they were enqueued says nothing about them.

        Raises:
            QueueError: one was given up, or is not settled within a minute.
        """
        until = self._now() + min(self.settings.drain, _ONCE)
        while (unsettled := await self.depth()) and self._now() < until:
            await asyncio.sleep(_LOOK_WHILE_DRAINING)
        dead = (await self.engine.totals()).dead
        if unsettled or dead:
            got = f"{dead} dead letters and {unsettled} jobs that are not settled"
            raise QueueError(f"cio_queue: got {got}; expected every job to be sent; look at what its workers were answered")

    async def measured(self, drained: float) -> dict[str, Any]:
        """What is recorded of the pipeline: a metric's name to its value, to its values, or to its values and how often each occurred."""
        totals = await self.engine.totals()
        unsettled = max(0, self.producer.counts.stored - totals.done - totals.dead)
        self._looks.append((self._now(), await self.depth(), await self.engine.age()))
        return {
            "queue_latency": totals.latency,
            "queue_depth": [(at, depth) for at, depth, _ in self._looks],
            "queue_age": [round(age * 1000, 3) for *_, age in self._looks],
            "drain_time": [round(drained * 1000, 3)],
            "retried": totals.retried,
            "redelivered": totals.redelivered,
            "dead_letters": totals.dead,
            "lost": unsettled,
            "duplicates": self._target.duplicates(),
            **({"amplification": [self._target.requests() / stored]} if (stored := self.producer.counts.stored) else {}),
        }

    async def close(self) -> None:
        """End every worker, and let the engine go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            if self._team is not None:
                await self._team.end()
        finally:
            if self._engine is not None:
                await self._engine.aclose()
            self._folder.cleanup()
