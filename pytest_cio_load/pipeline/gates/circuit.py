"""Whether the service is up, decided from how requests end; without a clock.

*Only what was granted since the circuit last opened counts.* Every grant carries how often the circuit had opened by then. So of ten
requests that fail together the first opens the circuit and nine change nothing, and what was granted before an outage and times out after
it does not open it again.

What opens it, and whether the operation's try counts:

    LIMITED        at once; never counts
    OUTAGE         at once; never counts
    SERVER         at the third in a row, of three operations with no success in between; the first two count, the third does not
    UNAUTHORIZED   at once, for long; counts, since the caller gives the operation up
    as a probe     any of them, at once, and for twice as long as before; counts as said above, SERVER does not

*The exception: an operation's own failure.* When an OUTAGE or SERVER failure is not the operation's first, and some other operation has
succeeded since its previous one, the service works and it does not: the failure counts and opens nothing; a probe that ends so is no
verdict, and another may probe at once. So an operation that always times out costs one pause, and then its tries. This takes one number per
operation that failed lately: how many successes there were then, remembered for :data:`MEMORY`. An operation that fails on its own while
nothing else is sent cannot be told from an outage; callers put what failed behind others, so that another one probes.
"""

from __future__ import annotations

import math

from pytest_cio_load.pipeline.gates.gate import Failure, Kind, Phase, Rules
from pytest_cio_load.pipeline.gates.slots import SECOND

IN_A_ROW = 3
"""SERVER failures of different operations, with no success in between, that open the circuit."""

ASK_AGAIN = 0.25 * SECOND
"""While somebody probes, others ask again after this."""

LONGEST_RETRY_AFTER = 300 * SECOND
"""Retry-After is obeyed up to here; then a probe asks whether it was meant."""

MEMORY = 600 * SECOND
"""An operation's previous failure is forgotten after this."""

HIGHEST_LEVEL = 60
"""Doublings of the cool-down; far beyond the longest one."""


class Circuit:
    """Closed, open or half-open. Every time is in microseconds on the caller's clock.

    Args:
        rules: how long it stays open.

    Attributes:
        is_open: no request may start but a probe.
        until: nobody may probe before.
        opened: how often it opened; the era of what is granted now.
        successes: how many requests succeeded.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self.is_open = False
        self.until = 0.0
        self.opened = 0
        self.successes = 0
        self._lease = 0.0
        self._level = 0
        self._streak: tuple[str, ...] = ()

    def phase(self, now: float) -> Phase:
        """Closed, open, or half-open when a probe may start or is under way."""
        if not self.is_open:
            return Phase.CLOSED
        return Phase.OPEN if now < self.until else Phase.HALF_OPEN

    def refuses(self, now: float) -> float | None:
        """Until when not even a probe may start: microseconds to wait; None when a request may start (as a probe, if it is open)."""
        if self.is_open and now < self.until:
            return self.until - now
        if self.is_open and now < self._lease:
            return min(ASK_AGAIN, self._lease - now)
        return None

    def probing(self, start: float) -> None:
        """A probe starts at *start*; nobody else may before its lease ends."""
        self._lease = start + math.ceil(self._rules.lease * SECOND)

    def probe_ended(self, era: int) -> None:
        """A probe of this era ended without a verdict: another one may start."""
        if self.is_open and era == self.opened:
            self._lease = 0.0

    def succeeded(self, era: int) -> None:
        """A request granted in *era* succeeded. While it is open that was the probe: it closes."""
        self.successes += 1
        self._streak = ()
        if era == self.opened:
            self.is_open, self._level, self.until, self._lease = False, 0, 0.0, 0.0

    def failed(self, now: float, failure: Failure, era: int, *, key: str, previous: int | None, chance: float) -> bool:
        """A request granted in *era* failed.

        Args:
            now: the time.
            failure: why.
            era: of its grant.
            key: of the operation, to tell it from others.
            previous: :attr:`successes` at the operation's previous OUTAGE or SERVER failure, or None when this is the first.
            chance: from 0 to 1, stretches the cool-down by up to a quarter.

        Returns:
            True when the operation's try is not to be counted.
        """
        current = era == self.opened
        may_be_own = failure.kind in (Kind.OUTAGE, Kind.SERVER)
        if may_be_own and previous is not None and self.successes > previous:
            self.probe_ended(era)
            return False
        if current and failure.kind is Kind.SERVER and not self.is_open and not self._in_a_row(key):
            return False
        if current:
            self._open(now, failure, chance)
        elif self.is_open and failure.kind is Kind.LIMITED:
            self.until = max(self.until, now + (asked(failure) or 0))
        return failure.kind is not Kind.UNAUTHORIZED

    def _in_a_row(self, key: str) -> bool:
        if key not in self._streak:
            self._streak = (*self._streak, key)
        return len(self._streak) >= IN_A_ROW

    def _open(self, now: float, failure: Failure, chance: float) -> None:
        rules = self._rules
        self._level = min(self._level + 1, HIGHEST_LEVEL) if self.is_open else 0
        wanted = asked(failure)
        if failure.kind is Kind.UNAUTHORIZED:
            pause = rules.unauthorized * SECOND * (1 + chance / 4)
        elif wanted is not None:
            pause = max(wanted, rules.cool_down * SECOND)
        else:
            pause = min(rules.longest * SECOND, rules.cool_down * SECOND * 2.0**self._level) * (1 + chance / 4)
        self.is_open, self.until, self._lease, self._streak = True, now + math.ceil(pause), 0.0, ()
        self.opened += 1


def asked(failure: Failure) -> float | None:
    """Whole microseconds that the answer asked to wait, as far as they are obeyed; None when it did not."""
    if failure.retry_after is None:
        return None
    return math.ceil(min(max(0.0, failure.retry_after * SECOND), LONGEST_RETRY_AFTER))
