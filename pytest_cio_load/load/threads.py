"""Makes the schedule happen for sync bodies: the calling thread issues arrivals, worker threads run them, on the wall clock."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING

from pytest_cio_load.load.pauses import GAP, SETTLING, Collector
from pytest_cio_load.load.run import End, Ending, Outcome, Sample
from pytest_cio_load.load.workers import Job, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cio_load.load.clock import Clock
    from pytest_cio_load.load.run import Load, Sink
    from pytest_cio_load.load.schedule import Arrival

MICROSECONDS = 1_000_000
TURN = 0.0005
"""Seconds after which a thread that computes lets another go on: as late as this is the issuing thread at worst. Python's own are 5 ms."""
PATIENCE = 1_000_000
"""Microseconds that a sample which a thread is just recording is waited for."""


class ThreadDriver:
    """Open model on threads. The rules are the async driver's; see ``Driver``.

    A thread cannot be cancelled, so an iteration over its time-out is recorded at that moment and its slot stays taken until its body
    returns. Threads are daemons: a body that never returns must not keep the test run from ending.

    No thread waits for a lock that another holds. What they share are lists, deques and dicts, of which a single operation is done as a
    whole: a worker is idle when it stands in ``_idle``, an iteration is unrecorded while it stands in ``_open``, and whoever gets to
    settle a job records it. Whoever puts a job into ``_waiting``, or a worker into ``_idle``, looks into the other one afterwards, so that
    no job is left where a worker is idle.
    """

    def __init__(self, load: Load, body: Callable[[Arrival], object], sink: Sink, clock: Clock) -> None:
        self._load, self._body, self._sink, self._clock = load, body, sink, clock
        self._now = clock.now
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []
        self._waiting: deque[Job] = deque()
        self._open: dict[int, Job] = {}
        self._settled = threading.Event()
        self._is_draining = self._is_closed = False
        self._looked = 0
        self._reason = ""
        self._ran_out = False
        self._passed_on: BaseException | None = None

    @property
    def in_flight(self) -> int:
        """Iterations running now."""
        return sum(worker.is_busy for worker in self._workers)

    def run(self) -> Ending:
        """Drive the whole schedule. Raises what ``Driver.run`` raises, with KeyboardInterrupt in place of CancelledError."""
        # Each iteration begins with a copy of it, so that none inherits another's.
        self._context = copy_context()
        with Collector(at_once=True) as self._collector, _short_turns():
            self._make_happen()
        if self._passed_on is not None:
            raise self._passed_on
        pauses = self._collector.pauses
        if self._reason:
            return Ending(End.ABORTED, self._reason, self._now(), pauses)
        last_begun = max((worker.last_begun for worker in self._workers), default=0)
        return Ending(End.COMPLETE, "", max(last_begun, self._load.duration), pauses)

    def _make_happen(self) -> None:
        self._clock.start()
        last_issued = 0
        try:
            for arrival in self._load.arrivals:
                if not self._sleep_until(arrival.due):
                    break
                last_issued = self._now()
                self._issue(arrival, last_issued)
            self._drain(max(self._load.duration, last_issued) + self._load.graceful_stop)
        finally:
            self._close()

    def stop(self, reason: str) -> None:
        """Begin nothing more and end the run: ``Ending.reason`` is *reason*."""
        self._reason = self._reason or reason
        self._settled.set()

    @property
    def _is_stopping(self) -> bool:
        return bool(self._reason) or self._passed_on is not None

    # The calling thread.

    def _sleep_until(self, due: int) -> bool:
        """Wait for *due*, watching on the way; False when the run is to stop."""
        while not self._is_stopping:
            now = self._now()
            if now - self._looked >= self._load.watch_every:  # also while it catches up and never sleeps
                self._look()
            if now >= due:
                return not self._is_stopping
            if due - now >= GAP and self._collector.wants_gap:
                # Once what began just now has done its first work.
                time.sleep(SETTLING / MICROSECONDS)
                self._collector.use(due - self._now())
            else:
                time.sleep(min(due - now, self._load.watch_every) / MICROSECONDS)
        return False

    def _look(self) -> None:
        now = self._looked = self._now()
        self._expire(now)
        reason = self._load.watch(now) if self._load.watch is not None else None
        if reason is not None:
            self.stop(reason)

    def _issue(self, arrival: Arrival, now: int) -> None:
        worker = None if self._waiting else self._idle_worker()
        if worker is None and self._load.drop:
            self._sink.dropped(arrival)
            return
        job = self._open[arrival.index] = Job(arrival, now)
        if worker is None:
            self._waiting.append(job)
            self._hand_out()
        else:
            worker.give(job, now)
        if not self._idle and len(self._workers) < self._load.max_in_flight:
            # Ahead of need: the next arrival shall not be late by the time that a thread takes to start.
            self._idle.append(self._hire())

    def _idle_worker(self) -> Worker | None:
        try:
            return self._idle.pop()
        except IndexError:
            return self._hire() if len(self._workers) < self._load.max_in_flight else None

    def _hire(self) -> Worker:
        worker = Worker(self._run)
        self._workers.append(worker)
        worker.start(f"cio-load-{len(self._workers)}")
        return worker

    def _expire(self, now: int) -> None:
        limit = self._load.timeout
        if limit is None:
            return
        for job in self._open.copy().values():
            if job.begun is not None and now - job.begun > limit and job.settle():
                self._sink.finished(Sample(job.arrival, job.begun, now, job.begun - job.issued, Outcome.TIMED_OUT, TimeoutError()))
                self._open.pop(job.arrival.index, None)

    def _drain(self, deadline: int) -> None:
        self._is_draining = True
        while not self._is_stopping:
            left = deadline - self._now()
            self._ran_out = left <= 0
            if self._ran_out or not self._open:
                return
            self._settled.wait(min(left, self._load.watch_every) / MICROSECONDS)
            self._look()

    def _close(self) -> None:
        self._is_closed = True
        now = self._now()
        outcome = Outcome.INTERRUPTED if self._ran_out else Outcome.CUT
        for job in self._open.copy().values():
            if job.settle():
                if self._passed_on is None:
                    begun = now if job.begun is None else job.begun
                    self._sink.finished(Sample(job.arrival, begun, now, begun - job.issued, outcome))
                self._open.pop(job.arrival.index, None)
        while self._open and self._now() - now < PATIENCE:
            time.sleep(0.001)
        self._dismiss()

    # Any thread.

    def _hand_out(self) -> None:
        """Give what waits to whoever is idle."""
        while self._waiting and not self._is_stopping:
            try:
                worker = self._idle.pop()
            except IndexError:
                return
            job = self._next_waiting()
            if job is None:
                self._idle.append(worker)
            else:
                worker.give(job, self._now())

    def _next_waiting(self) -> Job | None:
        try:
            return None if self._is_stopping else self._waiting.popleft()
        except IndexError:
            return None

    def _dismiss(self) -> None:
        while self._idle:
            try:
                self._idle.pop().give(None, 0)
            except IndexError:
                return

    # A worker.

    def _run(self, worker: Worker, job: Job) -> Job | None:
        """Run the body; gives what the same worker is to run next, or None when it is idle from now on."""
        if not self._is_closed:
            self._context.copy().run(self._iterate, job)
        following = self._next_waiting()
        if following is not None:
            following.begun = worker.last_begun = self._now()
        else:
            worker.is_busy = False
            self._idle.append(worker)
        # Last: when there is none, the run is over, and nobody shall find this one at work.
        self._open.pop(job.arrival.index, None)
        if following is None:
            self._hand_out()
            if self._is_draining and not self._open:
                self._settled.set()
            if self._is_closed:
                self._dismiss()
        return following

    def _iterate(self, job: Job) -> None:
        assert job.begun is not None
        began = self._now()
        outcome, error = Outcome.OK, None
        try:
            self._body(job.arrival)
        except BaseException as raised:
            outcome, error = Outcome.FAILED, raised
        ended = self._now()
        if job.settle():
            self._record(Sample(job.arrival, began, ended, job.begun - job.issued, outcome, error))
        # Its traceback holds this frame, which would hold it: rubbish that only a collection would find.
        del error

    def _record(self, sample: Sample) -> None:
        limit = self._load.timeout
        if isinstance(sample.error, (*self._load.let_through, KeyboardInterrupt, SystemExit)):
            self._passed_on = self._passed_on or sample.error
            self._settled.set()
        elif limit is not None and sample.service > limit:
            self._sink.finished(Sample(sample.arrival, sample.began, sample.ended, sample.queued, Outcome.TIMED_OUT, TimeoutError()))
        else:
            self._sink.finished(sample)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Threads that compute give way sooner."""
    own = sys.getswitchinterval()
    sys.setswitchinterval(min(own, TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(own)
