"""The threads that run sync bodies, each woken by itself, and what they are given to do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.load.schedule import Arrival


class Job:
    """One iteration to run and to record.

    Attributes:
        arrival: which.
        issued: when it found a worker or began to wait for one, in microseconds since the start of the run.
        begun: when it was given to a worker, or None while it waits.
    """

    __slots__ = ("_unsettled", "arrival", "begun", "issued")

    def __init__(self, arrival: Arrival, issued: int) -> None:
        self.arrival, self.issued = arrival, issued
        self.begun: int | None = None
        self._unsettled = [True]

    def settle(self) -> bool:
        """Whether it is the caller who is to record it: True once, for the first to ask, from whatever thread."""
        try:
            return self._unsettled.pop()
        except IndexError:
            return False


class Worker:
    """One thread.

    Args:
        run: runs a job in this worker; gives the next one, or None when the worker has stood itself where it will be found.

    Attributes:
        is_busy: whether it has a job.
        last_begun: when its last job began, in microseconds since the start of the run.
    """

    __slots__ = ("_given", "_job", "_run", "is_busy", "last_begun")

    def __init__(self, run: Callable[[Worker, Job], Job | None]) -> None:
        self._run = run
        self._job: Job | None = None
        self._given = threading.Lock()
        self._given.acquire()
        self.is_busy = False
        self.last_begun = 0

    def start(self, name: str) -> None:
        """Start the thread; it waits for its first job."""
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def give(self, job: Job | None, now: int) -> None:
        """Run *job*, which begins *now*; None: be gone. Only for whoever has taken the worker from where it is found."""
        if job is not None:
            job.begun = self.last_begun = now
            self.is_busy = True
        self._job = job
        self._given.release()

    def _work(self) -> None:
        while self._given.acquire():
            job = self._job
            if job is None:
                return
            while job is not None:
                job = self._run(self, job)
