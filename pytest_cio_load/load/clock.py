"""The two clocks of a run. Both count whole microseconds from the start of the run.

*Wall* is the machine's monotonic clock. *Virtual* makes the running asyncio loop skip its idle waits: when nothing is ready, its time
jumps to the next timer. Sixty seconds at 80/s then take as long as their CPU work, and the result is the same on every machine.
"""

from __future__ import annotations

import asyncio
import time
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from types import TracebackType

MICROSECONDS = 1_000_000
LOOK_EVERY = 64
"""Turns of a loop in virtual time that has no socket, after which it looks whether a signal came. To ask the system takes longer than
everything else in an idle turn, and what other threads call in is seen without asking."""


class _Real:
    """The machine's clock, out of reach of libraries that freeze time by replacing module attributes."""

    nanoseconds = staticmethod(time.monotonic_ns)
    cpu = staticmethod(time.process_time)


def real_nanoseconds() -> int:
    """The machine's monotonic clock, in nanoseconds, even where tests have frozen time."""
    return _Real.nanoseconds()


def real_seconds() -> float:
    """The machine's monotonic clock, in seconds, even where tests have frozen time."""
    return _Real.nanoseconds() / 1e9


def cpu_seconds() -> float:
    """CPU time of this process, in seconds."""
    return _Real.cpu()


class Clock(Protocol):
    """What a driver needs of time."""

    name: str

    def start(self) -> None:
        """Set the origin: ``now()`` is 0 at this moment."""

    def now(self) -> int:
        """Microseconds since the start of the run."""


class WallClock:
    """The machine's monotonic clock.

    It is read straight from the machine, not from the loop: uvloop's ``time()`` is cached and counts in milliseconds.
    """

    name = "wall"

    def __init__(self) -> None:
        self._origin = _Real.nanoseconds()

    @property
    def origin(self) -> int:
        """The machine's clock at the start of the run, in nanoseconds."""
        return self._origin

    def start(self) -> None:
        self._origin = _Real.nanoseconds()

    def now(self) -> int:
        return (_Real.nanoseconds() - self._origin) // 1000


def supports_virtual_time(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether *loop* is one of asyncio's own, whose selector can be told not to wait. uvloop's waits in C, out of reach."""
    return isinstance(loop, asyncio.BaseEventLoop) and hasattr(loop, "_selector") and hasattr(loop, "_scheduled")


class VirtualClock:
    """Virtual time on a running asyncio loop, patched in place; a context manager.

    In place, because pytest-asyncio and anyio own the loop: whoever made it, at whatever scope, it is the one that runs the body.

    Time is kept as whole microseconds beside the loop's float: a delay is rounded by itself, so that a result cannot depend on how long the
    machine has been up. What really happens outside the loop is waited for in real time: threads of ``run_in_executor`` without
    counting it, and sockets with it (``waited_for_sockets``), since neither can be skipped truthfully.
    """

    name = "virtual"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        if not supports_virtual_time(loop):
            kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
            msg = f"clock='virtual' on {kind}: expected asyncio's own event loop; use clock='wall', or run without uvloop"
            raise ValueError(msg)
        self._loop: Any = loop
        self._base = 0.0
        self._micros = 0
        self._origin = 0
        self._working = 0
        self._turns = 0
        self.waited_for_sockets = 0.0

    def start(self) -> None:
        self._origin = self._micros

    def now(self) -> int:
        return self._micros - self._origin

    def __enter__(self) -> VirtualClock:
        loop = self._loop
        # A whole second at or after the loop's own time: later timers of the loop keep their distance, and time does not go back.
        self._base = float(ceil(loop.time()))
        self._real_call_at, self._real_run_in_executor = loop.call_at, loop.run_in_executor
        self._real_select = loop._selector.select
        self._watched = loop._selector.get_map()
        loop.time, loop.call_later, loop.call_at = self._time, self._call_later, self._call_at
        loop.run_in_executor = self._run_in_executor
        loop._selector.select = self._select
        # The loop takes a timer for due within this of its own time. Half a tick, because after half a year of uptime asyncio's
        # nanosecond is less than what a float of seconds can tell apart, and no timer would ever be due.
        self._resolution, loop._clock_resolution = loop._clock_resolution, 0.5 / MICROSECONDS
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        loop, reached = self._loop, self._time()
        for name in ("time", "call_later", "call_at", "run_in_executor"):
            del loop.__dict__[name]
        del loop._selector.select
        loop._clock_resolution = self._resolution
        ahead = reached - loop.time()
        if ahead > 0:
            # The rest of the loop's life goes on from where virtual time ended: a loop's time must never run backwards.
            real_time = loop.time
            loop.time = lambda: real_time() + ahead

    def _time(self) -> float:
        return self._base + self._micros / MICROSECONDS

    def _call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        # A positive delay is at least one tick: a loop that polls with tiny sleeps must get somewhere.
        due = self._micros + max(int(delay > 0), ceil(delay * MICROSECONDS - 1e-3))
        return self._real_call_at(self._base + due / MICROSECONDS, callback, *args, context=context)

    def _call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        due = max(self._micros, self._tick(when))
        return self._real_call_at(self._base + due / MICROSECONDS, callback, *args, context=context)

    def _tick(self, when: float) -> int:
        return round((when - self._base) * MICROSECONDS)

    def _run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self._real_run_in_executor(executor, func, *args)
        self._working += 1
        future.add_done_callback(self._one_done)
        return future

    def _one_done(self, _: object) -> None:
        self._working -= 1

    def _select(self, timeout: float | None) -> Any:
        foreign = len(self._watched) > 1  # one is the loop's own self-pipe
        self._turns += 1
        if foreign or self._working or timeout is None or not self._turns % LOOK_EVERY:
            events = self._real_select(0)
            if events or (timeout is not None and timeout <= 0):
                return events
            if timeout is None or self._working or foreign:
                return self._wait(timeout, counted=foreign)
        if timeout is not None and timeout > 0 and not self._loop._ready:  # a thread may have called something in meanwhile
            self._jump()
        return []

    def _wait(self, timeout: float | None, *, counted: bool) -> Any:
        began = real_seconds()
        events = self._real_select(timeout)
        waited = real_seconds() - began
        if counted:
            self.waited_for_sockets += waited
        if timeout is not None and not events and waited >= timeout * 0.999:
            self._jump()
        elif counted:
            ceiling = self._next_timer() if timeout is not None else None
            reached = self._micros + int(waited * MICROSECONDS)
            self._micros = reached if ceiling is None else min(reached, max(self._micros, ceiling))
        return events

    def _next_timer(self) -> int | None:
        scheduled = self._loop._scheduled
        return self._tick(scheduled[0]._when) if scheduled else None

    def _jump(self) -> None:
        upcoming = self._next_timer()
        if upcoming is not None:
            # A timer set before virtual time began is off the grid, and may round to this very tick: move on, or the loop would spin.
            self._micros = max(self._micros + 1, upcoming)
