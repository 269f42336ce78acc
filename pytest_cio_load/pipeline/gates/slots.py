"""When the next request may start: the generic cell rate algorithm with reservation, in microseconds, without a clock."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from pytest_cio_load.customerio.pacing import BURST
from pytest_cio_load.pipeline.gates.gate import check_limits, check_requests

SECOND = 1e6
"""Microseconds."""

BACKLOG = 60 * SECOND
"""Nobody is granted a longer wait. So a reservation that is further ahead cannot be one: the clock went back, and it is forgotten."""

_NANOSECOND = 1e-3


@dataclass(frozen=True, slots=True)
class Slot:
    """What :meth:`Slots.reserve` decided.

    Attributes:
        wait: whole microseconds until the request may start, or, when nothing was reserved, until there is room to wait.
        reserved: False when the wait would be longer than :data:`BACKLOG`.
        due: stands for the reservation.
    """

    wait: float
    reserved: bool = True
    due: float = 0.0


class Slots:
    """At most ``rate + burst`` starts in any sliding second, smoothly, first come first served.

    Each request moves a theoretical arrival time on by ``1 / rate``, and may start ``burst - 1`` such steps before it. Differs from
    ``customerio.pacing.Bucket`` in taking several requests that start together, and in refusing a wait without end. Not for threads.

    Args:
        rate: requests per second.
        burst: how many may start at once after a pause.

    Raises:
        ValueError: a rate that is not a finite number above 0, or a burst under 1.
    """

    def __init__(self, rate: float, burst: int = BURST) -> None:
        check_limits(rate, burst)
        self.burst = burst
        self._interval = SECOND / rate
        self._due = -math.inf
        # Every reservation still ahead: its due → when it starts, the due before it, and whether it was given back.
        self._ahead: OrderedDict[float, tuple[float, float, bool]] = OrderedDict()

    def reserve(self, now: float, requests: int = 1) -> Slot:
        """Take the next *requests* slots, to be used together. Raises ValueError when that is more than the burst.

        Args:
            now: microseconds on the caller's clock.
            requests: how many.
        """
        check_requests(requests, self.burst)
        self._forget_until(now)
        # The nanosecond forgives what adding floats leaves behind: 12500 must not become 12501.
        wait = max(0.0, math.ceil(max(0.0, self._due - (self.burst - requests) * self._interval - now) - _NANOSECOND))
        if wait > BACKLOG:
            return Slot(wait - BACKLOG, reserved=False)
        before, self._due = self._due, max(self._due, now) + requests * self._interval
        if wait:
            self._ahead[self._due] = (now + wait, before, False)
        return Slot(wait, due=self._due)

    def give_back(self, due: float, now: float) -> bool:
        """Undo a reservation whose start is still ahead of *now*. True when the slot is free again.

        A slot can only be given back while no later one is taken: those at the end of the queue are, and one in the middle is once all
        behind it are given back too.
        """
        self._forget_until(now)
        if due not in self._ahead:
            return False
        start, before, _ = self._ahead[due]
        self._ahead[due] = (start, before, True)
        while self._ahead and next(reversed(self._ahead.values()))[2]:
            _, (_, self._due, _) = self._ahead.popitem()
        return due not in self._ahead

    def _forget_until(self, now: float) -> None:
        while self._ahead and next(iter(self._ahead.values()))[0] <= now:
            self._ahead.popitem(last=False)
