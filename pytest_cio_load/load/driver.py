"""Makes the schedule happen for async bodies, on the running asyncio loop. With the clock it is the only part that knows time."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING

from pytest_cio_load.load.run import End, Ending, Outcome, Sample

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_cio_load.load.clock import Clock
    from pytest_cio_load.load.run import Load, Sink
    from pytest_cio_load.load.schedule import Arrival

MICROSECONDS = 1_000_000
PATIENCE = 1.0
"""Seconds that interrupted iterations get to unwind; one that refuses to be cancelled must not hold up the verdict."""


class Driver:
    """Open model: every arrival begins when it is due, whether or not earlier ones have finished.

    Arrivals begin in the loop's own timer callback, not in a task that sleeps: one step of the loop earlier, so with less lag, and
    with a clear answer to a tie: an arrival due in the very moment a slot frees finds that slot still taken.
    """

    def __init__(self, load: Load, body: Callable[[Arrival], Awaitable[object]], sink: Sink, clock: Clock) -> None:
        self._load, self._body, self._sink, self._clock = load, body, sink, clock
        self._arrivals = iter(load.arrivals)
        self._next: Arrival | None = None
        self._waiting: deque[tuple[Arrival, int]] = deque()
        self._running: dict[asyncio.Task[None], tuple[Arrival, int, int]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._last_issued = self._last_begun = 0
        self._accepting = True
        self._reason = ""
        self._passed_on: BaseException | None = None

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
        # Each iteration begins with a copy of it: one that was queued is begun by another's end, and must not inherit its context.
        self._context = copy_context()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._clock.start()
        try:
            self._next = next(self._arrivals, None)
            self._fire()
            if self._load.watch is not None:
                self._look()
            await self._finished
        except asyncio.CancelledError:
            self._reason = self._reason or "cancelled from outside"
            raise
        finally:
            await self._close()
        if self._passed_on is not None:
            raise self._passed_on
        if self._reason:
            return Ending(End.ABORTED, self._reason, self._clock.now())
        return Ending(End.COMPLETE, "", max(self._last_begun, self._load.duration))

    def stop(self, reason: str) -> None:
        """Begin nothing more, interrupt what runs, end the run: ``Ending.reason`` is *reason*."""
        if not self._finished.done():
            self._reason = reason
            self._accepting = False
            self._finished.set_result(None)

    def _fire(self) -> None:
        now = self._clock.now()
        while self._accepting and self._next is not None and self._next.due <= now:
            self._issue(self._next, now)
            self._next = next(self._arrivals, None)
        if not self._accepting:
            return
        if self._next is not None:
            self._later("arrival", self._next.due - self._clock.now(), self._fire)
        else:
            left = max(self._load.duration, self._last_issued) + self._load.graceful_stop - self._clock.now()
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

    def _issue(self, arrival: Arrival, now: int) -> None:
        self._last_issued = now
        if len(self._running) < self._load.max_in_flight:
            self._begin(arrival, now, now)
        elif self._load.drop:
            self._sink.dropped(arrival)
        else:
            self._waiting.append((arrival, now))

    def _begin(self, arrival: Arrival, issued: int, now: int) -> None:
        self._last_begun = now
        task = self._loop.create_task(self._iterate(arrival, now - issued), context=self._context.copy())
        self._running[task] = (arrival, issued, now)

    async def _iterate(self, arrival: Arrival, queued: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        began = self._clock.now()
        outcome, error = Outcome.OK, None
        limit = self._load.timeout
        try:
            async with asyncio.timeout(None if limit is None else limit / MICROSECONDS) as deadline:
                await self._body(arrival)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            outcome, error = Outcome.FAILED, raised
            if isinstance(raised, self._load.let_through) and self._passed_on is None:
                self._passed_on = raised
        if deadline.expired():
            # Also of a body that swallowed its cancellation and returned as if nothing had been.
            outcome, error = Outcome.TIMED_OUT, error or TimeoutError()
        sample = Sample(arrival, began, self._clock.now(), queued, outcome, error)
        if isinstance(error, asyncio.CancelledError) and task.cancelling():
            # Whoever ends the whole loop cancels iterations and driver alike, in any order: the driver shall know before they count
            # as failed, and record them as cut.
            self._loop.call_soon(self._done, task, sample)
        else:
            self._done(task, sample)

    def _done(self, task: asyncio.Task[None], sample: Sample) -> None:
        if self._running.pop(task, None) is None:
            return  # already recorded as interrupted: it took longer to unwind than it was waited for
        if self._passed_on is not None:
            self.stop("passed on")
            return
        self._sink.finished(sample)
        while self._waiting and self._accepting and len(self._running) < self._load.max_in_flight:
            arrival, issued = self._waiting.popleft()
            self._begin(arrival, issued, self._clock.now())
        self._settle()

    def _settle(self) -> None:
        if self._next is None and not self._running and not self._waiting and not self._finished.done():
            self._finished.set_result(None)

    def _grace_over(self) -> None:
        self._accepting = False
        if not self._finished.done():
            self._finished.set_result(None)

    def _look(self) -> None:
        assert self._load.watch is not None
        reason = self._load.watch(self._clock.now())
        if reason is not None:
            self.stop(reason)
        elif not self._finished.done():
            self._later("watch", self._load.watch_every, self._look)

    async def _close(self) -> None:
        self._accepting = False
        for timer in self._timers.values():
            timer.cancel()
        now, unfinished = self._clock.now(), dict(self._running)
        self._running.clear()
        outcome = Outcome.CUT if self._reason else Outcome.INTERRUPTED
        if self._passed_on is None:
            for arrival, issued, begun in unfinished.values():
                self._sink.finished(Sample(arrival, begun, now, begun - issued, outcome))
            for arrival, issued in self._waiting:
                self._sink.finished(Sample(arrival, now, now, now - issued, outcome))
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=PATIENCE)
