"""How long to wait, decided without waiting: the rate limiter and the retry.

Nothing here reads a clock or sleeps. Whoever calls passes the time in and does the waiting, so both decisions are tested by tables.
Every wait is a whole number of microseconds: virtual time adds them up, and sums of such numbers are the same in every run.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from pytest_cio_load.customerio.wire import Answer

BURST = 4
"""How many requests may start at once after a pause."""

_NANOSECOND_IN_MICROSECONDS = 1e-3


def check_rate(name: str, rate: float) -> None:
    """Raise ValueError, naming *name*, unless *rate* is a finite number of requests per second above 0."""
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"{name}: got {rate}; expected requests per second, more than 0; try 100")


def _whole_microseconds_up(seconds: float) -> float:
    # The nanosecond forgives what adding floats leaves behind: 0.0125 must not become 0.012501.
    return math.ceil(seconds * 1e6 - _NANOSECOND_IN_MICROSECONDS) / 1e6


class Bucket:
    """A rate limiter: at most ``rate + burst`` requests in any sliding second, smoothly, first come first served.

    The generic cell rate algorithm: each request moves a theoretical arrival time on by ``1 / rate``, and may start ``burst - 1`` such
    steps before it. One bucket may serve many tasks and threads, as long as all of them read the same clock.

    Args:
        rate: requests per second.
        burst: how many may start at once after a pause.

    Raises:
        ValueError: a rate that is not a finite number above 0, or a burst under 1.
    """

    def __init__(self, rate: float, burst: int = BURST) -> None:
        check_rate("rate", rate)
        if burst < 1:
            raise ValueError(f"burst: got {burst}; expected at least 1 request; try {BURST}")
        self.rate = rate
        self.burst = burst
        self._interval = 1 / rate
        self._tolerance = (burst - 1) / rate
        self._due = -math.inf
        # Start of every reservation still ahead → what _due was before it, and whether it was cancelled.
        self._ahead: OrderedDict[float, tuple[float, bool]] = OrderedDict()
        self._lock = Lock()

    def keep_to(self, rate: float) -> None:
        """Keep to another rate from here on. Slots already taken stay where they are."""
        check_rate("rate", rate)
        with self._lock:
            self.rate = rate
            self._interval = 1 / rate
            self._tolerance = (self.burst - 1) / rate

    def reserve(self, now: float) -> float:
        """Take the next free slot.

        Args:
            now: seconds on the caller's clock.

        Returns:
            Seconds to wait before the request may start; 0.0 when it may start at once.
        """
        with self._lock:
            self._forget_until(now)
            before = self._due
            wait = _whole_microseconds_up(before - self._tolerance - now) if before - self._tolerance > now else 0.0
            if wait:
                self._ahead[now + wait] = (before, False)
                # Counted from the exact time, not the rounded one: microseconds do not add up, and the rate is kept to.
                self._due = before + self._interval
            else:
                self._due = max(before, now) + self._interval
            return wait

    def cancel(self, start: float) -> bool:
        """Give back a reservation that is not going to be used.

        A slot can only be given back while no later one is taken, so the cancelled ones at the end of the queue are given back, and one
        in the middle once all behind it are cancelled too.

        Args:
            start: when it was to start: the ``now`` that was passed to :meth:`reserve` plus the wait it returned.

        Returns:
            True when the slot is free again now.
        """
        with self._lock:
            if start not in self._ahead:
                return False
            before, _ = self._ahead[start]
            self._ahead[start] = (before, True)
            while self._ahead and self._ahead[next(reversed(self._ahead))][1]:
                _, (self._due, _) = self._ahead.popitem()
            return start not in self._ahead

    def _forget_until(self, now: float) -> None:
        while self._ahead and next(iter(self._ahead)) <= now:
            self._ahead.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """Whether a request is sent again, and when.

    No answer, 408, 429 and 5xx are worth another attempt. The wait is what Retry-After asks for, else chance between 0 and a bound that
    doubles with every attempt (full jitter), so that clients which failed together do not come back together.

    Attributes:
        attempts: requests per call at most, the first one included.
        base: seconds; the bound after the first attempt.
        cap: seconds; no wait is longer, whatever Retry-After asks for.
        budget: seconds that a call may spend; a wait that would end beyond it is not begun.
    """

    attempts: int = 4
    base: float = 0.1
    cap: float = 5.0
    budget: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts: got {self.attempts}; expected at least 1, the first request itself; try 4")
        for name, seconds in (("base", self.base), ("cap", self.cap), ("budget", self.budget)):
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{name}: got {seconds}; expected seconds, 0 or more; try {Retry.__dataclass_fields__[name].default}")

    def after(
        self,
        attempt: int,
        outcome: Answer | None,
        spent: float,
        rng: Random,
        *,
        repeatable: bool = True,
        today: float | None = None,
    ) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        Args:
            attempt: which attempt has just failed, from 1.
            outcome: its answer, or None when there was none.
            spent: seconds this call has taken so far, the waits for our own rate limiter left out.
            rng: where chance comes from.
            repeatable: whether sending the operation twice has the effect of sending it once.
            today: unix seconds, to read a Retry-After date by when the answer has no Date of its own.
        """
        if not repeatable or attempt >= self.attempts or not (outcome is None or worth_another_try(outcome.status)):
            return None
        asked = None if outcome is None else retry_after(outcome.headers, today)
        bound = self.cap if asked is not None else min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        wait = min(asked, bound) if asked is not None else rng.random() * bound
        wait = round(wait * 1e6) / 1e6
        return wait if spent + wait <= self.budget else None


def worth_another_try(status: int) -> bool:
    """True for 408, 429 and 5xx: the request may fare better later."""
    return status in (408, 429) or 500 <= status < 600


def retry_after(headers: Mapping[str, str], today: float | None = None) -> float | None:
    """Seconds an answer asks to wait, or None when it does not ask, or not in a way that can be read.

    Args:
        headers: of the answer, by lower-case name.
        today: unix seconds, used when Retry-After is a date and the answer has no Date.
    """
    asked = headers.get("retry-after", "").strip()
    if not asked:
        return None
    if asked.isascii() and asked.replace(".", "", 1).isdigit():
        return float(asked)
    until = _unix(asked)
    # The server's own clock is preferred: ours may differ from it by more than the wait.
    since = _unix(headers.get("date", ""))
    since = today if since is None else since
    return None if until is None or since is None else max(0.0, until - since)


def _unix(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
