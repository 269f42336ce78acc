"""What wakes the driver when the next iteration is due.

A loop's own timers are rounded up to whole milliseconds where it waits by epoll, and uvloop's always are; a schedule of 1,000/s has one
iteration to each. So on the wall clock a timer of Linux's that is a file wakes the loop, and elsewhere a thread that sleeps. By measuring:
such a thread is a fifth as late as the loop's own timers at 1,000/s, and takes 1 % more of a core; waking early and spinning until the
moment is more punctual yet, and takes most of a core. In virtual time nothing is rounded, and the loop's own timers are what is skipped to.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.timerfd import Timerfd

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pytest_cio_load.load.clock import Clock

MICROSECONDS = 1_000_000
NAP = 0.1
"""Seconds; the longest that a sleeping thread does not notice that nobody needs it any more."""


class Alarm(Protocol):
    """Rings in the loop's thread. It is set to one moment at a time: anew only once it has rung."""

    def set(self, due: int) -> None:
        """Ring at *due*, in microseconds of the run's clock, or as soon as can be when that has been."""

    def close(self) -> None:
        """Ring no more."""


def alarm(loop: asyncio.AbstractEventLoop, clock: Clock, ring: Callable[[], None]) -> Alarm:
    """The most punctual alarm there is on this machine, for this loop and clock."""
    if not isinstance(clock, WallClock):
        return LoopAlarm(loop, clock, ring)
    try:
        return DescriptorAlarm(loop, clock, ring)
    except (OSError, NotImplementedError):
        return ThreadAlarm(loop, clock, ring)


class LoopAlarm:
    """A timer of the loop's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, ring: Callable[[], None]) -> None:
        self._call_later, self._now, self._ring = loop.call_later, clock.now, ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due: int) -> None:
        """Ring at *due*."""
        self._timer = self._call_later((due - self._now()) / MICROSECONDS, self._ring)

    def close(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()


class DescriptorAlarm:
    """A timer that is a file, watched by the loop as a socket is.

    Raises:
        OSError: this machine has no such timers.
        NotImplementedError: the loop watches no descriptors.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: WallClock, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._origin = clock.origin
        self._is_set = False
        self._timer: Timerfd | None = Timerfd()
        try:
            loop.add_reader(self._timer.fd, self._expired)
        except BaseException:
            self._timer.close()
            raise

    def set(self, due: int) -> None:
        """Ring at *due*."""
        if self._timer is not None:
            self._is_set = True
            # 0 would be never.
            self._timer.set(max(1, self._origin + due * 1_000))

    def _expired(self) -> None:
        self._is_set = False
        try:
            self._ring()
        finally:
            if not self._is_set and self._timer is not None:
                # Or it would be readable for ever, and the loop would spin.
                self._timer.set(0)

    def close(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            timer, self._timer = self._timer, None
            self._loop.remove_reader(timer.fd)
            timer.close()


class ThreadAlarm:
    """A thread that sleeps until the moment, for a loop that cannot be woken so exactly by what it waits with."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: WallClock, ring: Callable[[], None]) -> None:
        self._loop, self._now, self._ring = loop, clock.now, ring
        self._due = 0
        self._is_open = True
        self._is_set = threading.Lock()
        self._is_set.acquire()
        threading.Thread(target=self._wait, name="cio-load-alarm", daemon=True).start()

    def set(self, due: int) -> None:
        """Ring at *due*."""
        self._due = due
        if self._is_open:
            self._is_set.release()

    def _wait(self) -> None:
        while self._is_set.acquire() and self._is_open:
            while self._is_open and (left := self._due - self._now()) > 0:
                time.sleep(min(left / MICROSECONDS, NAP))
            try:
                self._loop.call_soon_threadsafe(self._rung)
            except RuntimeError:  # the loop was closed meanwhile
                return

    def _rung(self) -> None:
        if self._is_open:
            self._ring()

    def close(self) -> None:
        """Ring no more; the thread ends by itself, at its next look."""
        if self._is_open:
            self._is_open = False
            with suppress(RuntimeError):  # it is set, and the thread on its way
                self._is_set.release()
