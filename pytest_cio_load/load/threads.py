"""Makes the schedule happen for sync bodies: the calling thread issues arrivals, worker threads run them, on the wall clock."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING

from pytest_cio_load.load.run import End, Ending, Outcome, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.load.clock import Clock
    from pytest_cio_load.load.run import Load, Sink
    from pytest_cio_load.load.schedule import Arrival

MICROSECONDS = 1_000_000


class ThreadDriver:
    """Open model on threads. The rules are the async driver's; see ``Driver``.

    A thread cannot be cancelled, so an iteration over its time-out is recorded at that moment and its slot stays taken until its body
    returns. Threads are daemons: a body that never returns must not keep the test run from ending.
    """

    def __init__(self, load: Load, body: Callable[[Arrival], object], sink: Sink, clock: Clock) -> None:
        self._load, self._body, self._sink, self._clock = load, body, sink, clock
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._change = threading.Condition()
        self._waiting: deque[tuple[Arrival, int]] = deque()
        self._running: dict[int, tuple[Arrival, int, int]] = {}
        self._busy = 0
        self._workers = 0
        self._last_begun = 0
        self._looked = 0
        self._reason = ""
        self._ran_out = False
        self._passed_on: BaseException | None = None

    @property
    def in_flight(self) -> int:
        """Iterations running now."""
        return self._busy

    def run(self) -> Ending:
        """Drive the whole schedule. Raises what ``Driver.run`` raises, with KeyboardInterrupt in place of CancelledError."""
        # Each iteration begins with a copy of it: one that was queued is begun by another's end, and must not inherit its context.
        self._context = copy_context()
        self._clock.start()
        last_issued = 0
        try:
            for arrival in self._load.arrivals:
                if not self._sleep_until(arrival.due):
                    break
                last_issued = self._clock.now()
                self._issue(arrival, last_issued)
            self._drain(max(self._load.duration, last_issued) + self._load.graceful_stop)
        finally:
            self._close()
        if self._passed_on is not None:
            raise self._passed_on
        if self._reason:
            return Ending(End.ABORTED, self._reason, self._clock.now())
        return Ending(End.COMPLETE, "", max(self._last_begun, self._load.duration))

    def stop(self, reason: str) -> None:
        """Begin nothing more and end the run: ``Ending.reason`` is *reason*."""
        with self._change:
            self._reason = self._reason or reason
            self._change.notify_all()

    def _sleep_until(self, due: int) -> bool:
        """Wait for *due*, watching on the way; False when the run is to stop."""
        while not self._stopping:
            now = self._clock.now()
            if now - self._looked >= self._load.watch_every:  # also while it catches up and never sleeps
                self._look()
            if now >= due:
                return not self._stopping
            time.sleep(min(due - now, self._load.watch_every) / MICROSECONDS)
        return False

    @property
    def _stopping(self) -> bool:
        return bool(self._reason) or self._passed_on is not None

    def _look(self) -> None:
        now = self._looked = self._clock.now()
        self._expire(now)
        reason = self._load.watch(now) if self._load.watch is not None else None
        if reason is not None:
            self.stop(reason)

    def _issue(self, arrival: Arrival, now: int) -> None:
        with self._change:
            if self._busy < self._load.max_in_flight:
                self._begin(arrival, now, now)
            elif self._load.drop:
                self._sink.dropped(arrival)
            else:
                self._waiting.append((arrival, now))

    def _begin(self, arrival: Arrival, issued: int, now: int) -> None:
        self._busy += 1
        self._last_begun = now
        self._running[arrival.index] = (arrival, issued, now)
        context = self._context.copy()
        self._jobs.put(lambda: context.run(self._iterate, arrival, now - issued))
        if self._workers < self._busy:
            self._workers += 1
            threading.Thread(target=self._work, name=f"cio-load-{self._workers}", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _iterate(self, arrival: Arrival, queued: int) -> None:
        began = self._clock.now()
        outcome, error = Outcome.OK, None
        try:
            self._body(arrival)
        except BaseException as raised:
            outcome, error = Outcome.FAILED, raised
        self._done(Sample(arrival, began, self._clock.now(), queued, outcome, error))

    def _done(self, sample: Sample) -> None:
        with self._change:
            self._busy -= 1
            if self._running.pop(sample.arrival.index, None) is not None:
                self._record(sample)
            if self._waiting and not self._stopping and self._busy < self._load.max_in_flight:
                arrival, issued = self._waiting.popleft()
                self._begin(arrival, issued, self._clock.now())
            self._change.notify_all()

    def _record(self, sample: Sample) -> None:
        limit = self._load.timeout
        if isinstance(sample.error, (*self._load.let_through, KeyboardInterrupt, SystemExit)):
            self._passed_on = self._passed_on or sample.error
        elif limit is not None and sample.service > limit:
            self._sink.finished(Sample(sample.arrival, sample.began, sample.ended, sample.queued, Outcome.TIMED_OUT, TimeoutError()))
        else:
            self._sink.finished(sample)

    def _expire(self, now: int) -> None:
        limit = self._load.timeout
        if limit is None:
            return
        with self._change:
            late = [entry for entry in self._running.values() if now - entry[2] > limit]
            for arrival, issued, begun in late:
                del self._running[arrival.index]
                self._sink.finished(Sample(arrival, begun, now, begun - issued, Outcome.TIMED_OUT, TimeoutError()))

    def _drain(self, deadline: int) -> None:
        while not self._stopping:
            with self._change:
                left = deadline - self._clock.now()
                self._ran_out = left <= 0
                if self._ran_out or (not self._running and not self._waiting):
                    return
                self._change.wait(min(left, self._load.watch_every) / MICROSECONDS)
            self._look()

    def _close(self) -> None:
        with self._change:
            now = self._clock.now()
            outcome = Outcome.INTERRUPTED if self._ran_out else Outcome.CUT
            unfinished, waiting = list(self._running.values()), list(self._waiting)
            self._running.clear()
            self._waiting.clear()
            if self._passed_on is None:
                for arrival, issued, begun in unfinished:
                    self._sink.finished(Sample(arrival, begun, now, begun - issued, outcome))
                for arrival, issued in waiting:
                    self._sink.finished(Sample(arrival, now, now, now - issued, outcome))
            for _ in range(self._workers):
                self._jobs.put(None)
