"""Makes the schedule happen for async bodies, on the running asyncio loop. With the clock it is the only part that knows time."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING

from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.eager import beginner
from pytest_cio_load.load.pauses import GAP, SETTLING, Collector
from pytest_cio_load.load.run import End, Ending, Outcome, Sample
from pytest_cio_load.load.timers import alarm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_cio_load.load.clock import Clock
    from pytest_cio_load.load.eager import Begin
    from pytest_cio_load.load.run import Load, Sink
    from pytest_cio_load.load.schedule import Arrival

MICROSECONDS = 1_000_000
PATIENCE = 1.0
"""Seconds that interrupted iterations get to unwind; one that refuses to be cancelled must not hold up the verdict."""


class Driver:
    """Open model: every arrival begins when it is due, whether or not earlier ones have finished.

    Arrivals begin in the callback of an alarm, not in a task that sleeps: one step of the loop earlier, so with less lag, and
    with a clear answer to a tie: an arrival due in the very moment a slot frees finds that slot still taken. After a late wake-up
    everything that fell due begins together, and nothing else.
    """

    def __init__(self, load: Load, body: Callable[[Arrival], Awaitable[object]], sink: Sink, clock: Clock) -> None:
        self._load, self._body, self._sink, self._clock = load, body, sink, clock
        self._now, self._finish = clock.now, sink.finished
        self._iterate = self._untimed if load.timeout is None else self._timed
        self._on_wall = isinstance(clock, WallClock)
        self._arrivals = iter(load.arrivals)
        self._next: Arrival | None = None
        self._waiting: deque[tuple[Arrival, int]] = deque()
        self._running: dict[int, tuple[asyncio.Task[None] | None, Arrival, int, int]] = {}  # by index
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._last_issued = self._last_begun = 0
        self._accepting = True
        self._reason = ""
        self._passed_on: BaseException | None = None
        self._ended_by: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        """Iterations running now."""
        return len(self._running)

    async def run(self) -> Ending:
        """Drive the whole schedule.

        Raises:
            BaseException: one of ``load.let_through`` that an iteration raised.
            asyncio.CancelledError: the run was cancelled from outside (Ctrl-C); what ran is recorded as interrupted first.
        """
        self._loop = asyncio.get_running_loop()
        # On the wall clock alone: in virtual time what is due at the same moment keeps an order of its own.
        self._begun = beginner(self._loop) if self._on_wall else None
        # Each iteration begins with a copy of it: one that was queued is begun by another's end, and must not inherit its context.
        self._context = copy_context()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        with Collector(at_once=self._on_wall) as self._collector:
            await self._make_happen()
        if self._passed_on is not None:
            raise self._passed_on
        pauses = self._collector.pauses
        if self._reason:
            return Ending(End.ABORTED, self._reason, self._now(), pauses)
        return Ending(End.COMPLETE, "", max(self._last_begun, self._load.duration), pauses)

    async def _make_happen(self) -> None:
        self._clock.start()
        self._alarm = alarm(self._loop, self._clock, self._ring)
        try:
            self._next = next(self._arrivals, None)
            if self._begun is None:
                self._fire()
            else:
                self._loop.call_soon(self._ring)  # a task cannot begin within another, and this is one
            if self._load.watch is not None:
                self._look()
            await self._finished
        except asyncio.CancelledError:
            self._reason = self._reason or "cancelled from outside"
            raise
        finally:
            await self._close()

    def stop(self, reason: str) -> None:
        """Begin nothing more, interrupt what runs, end the run: ``Ending.reason`` is *reason*."""
        if not self._finished.done():
            self._reason = reason
            self._accepting = False
            self._finished.set_result(None)

    def _ring(self) -> None:
        self._guarded(self._fire)

    def _fire(self) -> None:
        now = self._now()
        while self._accepting and self._next is not None and self._next.due <= now:
            self._issue(self._next, now)
            self._next = next(self._arrivals, None)
        if not self._accepting:
            return
        if self._next is not None:
            self._alarm.set(self._next.due)
            if self._on_wall and self._next.due - now >= GAP and self._collector.wants_gap:
                # Once what began just now has done its first work.
                self._later("collecting", SETTLING, self._use_gap)
        else:
            left = max(self._load.duration, self._last_issued) + self._load.graceful_stop - self._now()
            self._later("grace", max(0, left), self._grace_over)
            self._settle()

    def _later(self, name: str, micros: int, callback: Callable[[], None]) -> None:
        self._timers[name] = self._loop.call_later(micros / MICROSECONDS, self._guarded, callback)

    def _guarded(self, callback: Callable[[], None]) -> None:
        # What a timer raises would only be logged by the loop, and the run would wait for ever.
        try:
            callback()
        except Exception as error:
            if self._finished.done():
                raise
            self._finished.set_exception(error)

    def _use_gap(self) -> None:
        if self._next is not None:
            self._collector.use(self._next.due - self._now())

    def _issue(self, arrival: Arrival, now: int) -> None:
        self._last_issued = now
        if len(self._running) >= self._load.max_in_flight:
            if self._load.drop:
                self._sink.dropped(arrival)
            else:
                self._waiting.append((arrival, now))
        elif self._begun is not None:
            self._begin_at_once(self._begun, arrival, now)
        else:
            self._begin(arrival, now, now)

    def _begin(self, arrival: Arrival, issued: int, now: int) -> None:
        self._last_begun = now
        task = self._loop.create_task(self._iterate(arrival, now - issued), context=self._context.copy())
        self._running[arrival.index] = (task, arrival, issued, now)

    def _begin_at_once(self, begun: Begin, arrival: Arrival, now: int) -> None:
        self._last_begun = now
        # It may be over before the task is there to be noted.
        self._running[arrival.index] = (None, arrival, now, now)
        task = begun(self._iterate(arrival, 0), self._context.copy())
        if arrival.index in self._running:
            self._running[arrival.index] = (task, arrival, now, now)

    async def _untimed(self, arrival: Arrival, queued: int) -> None:
        began = self._now()
        try:
            await self._body(arrival)
        except (KeyboardInterrupt, SystemExit):
            self._ended_by = asyncio.current_task()
            raise
        except BaseException as error:
            self._failed(arrival, began, queued, error)
        else:
            self._done(Sample(arrival, began, self._now(), queued, Outcome.OK))

    async def _timed(self, arrival: Arrival, queued: int) -> None:
        began = self._now()
        error: BaseException | None = None
        assert self._load.timeout is not None
        try:
            async with asyncio.timeout(self._load.timeout / MICROSECONDS) as deadline:
                await self._body(arrival)
        except (KeyboardInterrupt, SystemExit):
            self._ended_by = asyncio.current_task()
            raise
        except BaseException as raised:
            error = raised
        if deadline.expired():
            # Also of a body that swallowed its cancellation and returned as if nothing had been.
            self._failed(arrival, began, queued, error or TimeoutError(), Outcome.TIMED_OUT)
        elif error is not None:
            self._failed(arrival, began, queued, error)
        else:
            self._done(Sample(arrival, began, self._now(), queued, Outcome.OK))
        # Its traceback holds this frame, which would hold it: rubbish that only a collection would find.
        del error

    def _failed(self, arrival: Arrival, began: int, queued: int, error: BaseException, outcome: Outcome = Outcome.FAILED) -> None:
        sample = Sample(arrival, began, self._now(), queued, outcome, error)
        if isinstance(error, self._load.let_through) and self._passed_on is None:
            self._passed_on = error
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            # Whoever ends the whole loop cancels iterations and driver alike, in any order: the driver shall know before they count
            # as failed, and record them as cut.
            self._loop.call_soon(self._done, sample)
        else:
            self._done(sample)

    def _done(self, sample: Sample) -> None:
        if self._running.pop(sample.arrival.index, None) is None:
            return  # already recorded as interrupted: it took longer to unwind than it was waited for
        if self._passed_on is not None:
            self.stop("passed on")
            return
        self._finish(sample)
        if self._waiting:
            self._admit()
        if self._next is None:
            self._settle()

    def _admit(self) -> None:
        while self._waiting and self._accepting and len(self._running) < self._load.max_in_flight:
            arrival, issued = self._waiting.popleft()
            self._begin(arrival, issued, self._now())

    def _settle(self) -> None:
        if self._next is None and not self._running and not self._waiting and not self._finished.done():
            self._finished.set_result(None)

    def _grace_over(self) -> None:
        self._accepting = False
        if not self._finished.done():
            self._finished.set_result(None)

    def _look(self) -> None:
        assert self._load.watch is not None
        reason = self._load.watch(self._now())
        if reason is not None:
            self.stop(reason)
        elif not self._finished.done():
            self._later("watch", self._load.watch_every, self._look)

    async def _close(self) -> None:
        self._accepting = False
        self._alarm.close()
        for timer in self._timers.values():
            timer.cancel()
        now, unfinished = self._now(), list(self._running.values())
        self._running.clear()
        outcome = Outcome.CUT if self._reason else Outcome.INTERRUPTED
        if self._passed_on is None:
            for _, arrival, issued, begun in unfinished:
                self._sink.finished(Sample(arrival, begun, now, begun - issued, outcome))
            for arrival, issued in self._waiting:
                self._sink.finished(Sample(arrival, now, now, now - issued, outcome))
        tasks = [task for task, *_ in unfinished if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE)
        if self._ended_by is not None and self._ended_by.done():
            # What it raised ended everything, and is told by that: not once more, whenever the task is collected as rubbish.
            self._ended_by.exception()
