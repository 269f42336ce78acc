"""What pages of activities say of a run: which canaries can be seen by now, and what was accepted and not applied. No clock, no waiting."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_cio_load.errors import CustomerIOError, InvalidOperation, Refused, Unauthorized
from pytest_cio_load.units import show_count, show_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.customerio.replies import Activity, CustomerNames, Page
    from pytest_cio_load.errors import CioLoadError

NOT_APPLIED = ("failed_attribute_change", "failed_event", "failed_batch_update", "skipped_update")
"""Types of activity that tell what a 200 did not: each is a metric."""

REMEMBERED = 20_000
"""Activities of a type that are known again, the newest: two hundred pages, where a look goes one beyond what is new."""

LONGEST_WAIT = 10.0
"""Seconds between two requests to an App API that is in trouble, whatever it asks for."""

_MICROSECONDS = 1_000_000
_REQUEST_TIMED_OUT = 408


@dataclass(frozen=True, slots=True)
class Sightings:
    """What came of watching a run.

    Attributes:
        sent: canaries that Customer.io accepted.
        unsent: canaries that it did not.
        applied: canaries that were seen.
        unseen: canaries that a look did not show, though it began when patience had run out.
        lags: microseconds from accepted to seen → how many; an unseen canary is among them with the time that was waited.
        resolution: seconds; no lag of a canary that was seen is told longer than it was by more.
        not_applied: activities of this run's people by type, each counted once.
        trouble: requests to the App API that failed.
        reason: why the watching ended early, or "".
    """

    sent: int
    unsent: int
    applied: int
    unseen: int
    lags: Mapping[int, int]
    resolution: float
    not_applied: Mapping[str, int]
    trouble: int
    reason: str

    def measured(self) -> dict[str, object]:
        """By metric, as `Recorder.told` takes it; nothing when the watching ended early: what a part of a run shows proves no promise."""
        if self.reason:
            return {}
        canaries = {"processing_lag": self.lags, "applied": self.applied, "unseen": self.unseen} if self.sent else {}
        return {**canaries, **self.not_applied}

    def notes(self) -> tuple[str, ...]:
        """What a report must say beside the figures."""
        if self.reason:
            return (f"processing lag and what was not applied are not known, for the watching ended early: {self.reason}",)
        said = []
        if self.applied:
            said.append(f"processing lag is a sample, one canary at a time, told too long by {show_ms(self.resolution * 1_000)} at most")
        if self.unsent:
            tried = self.sent + self.unsent
            said.append(f"{show_count(self.unsent)} of {show_count(tried)} canaries were not accepted, and measure nothing")
        if self.trouble:
            said.append(f"{show_count(self.trouble)} requests to the App API failed while the run was watched, and were repeated")
        return tuple(said)


def is_hopeless(error: CioLoadError) -> bool:
    """Whether waiting cannot mend *error*: credentials, an operation that is refused, a guard or a ledger that lets nothing out."""
    if isinstance(error, Refused):
        return error.status != _REQUEST_TIMED_OUT
    return isinstance(error, Unauthorized | InvalidOperation) or not isinstance(error, CustomerIOError)


@dataclass(slots=True)
class Pace:
    """When to ask again.

    Attributes:
        every: seconds from one request to the next, while all is well.
        in_a_row: requests that failed since the last one that did not.
    """

    every: float
    in_a_row: int = 0

    def after(self, spent: float, error: CustomerIOError | None) -> float:
        """Seconds to wait after a request that took *spent* seconds: longer with every failure, and as long as Retry-After asks for."""
        if error is None:
            self.in_a_row = 0
            return max(0.0, self.every - spent)
        self.in_a_row += 1
        longer = float(self.every * 2 ** min(self.in_a_row, 10))
        return min(max(longer, error.retry_after or 0.0), LONGEST_WAIT)


class Outstanding:
    """Canaries that were accepted and not seen yet; one look serves all of them.

    Args:
        patience: seconds after which one is given up.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._waiting: dict[str, tuple[int, float]] = {}
        self._looked_before = -math.inf
        self.lags: Counter[int] = Counter()
        self.applied = self.unseen = 0
        self.resolution = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def accepted(self, mark: str, sequence: int, at: float) -> None:
        """A canary was accepted, *at* seconds on our own clock."""
        self._waiting[mark] = (sequence, at)

    def read(self, page: Page[Activity], asked: float, answered: float) -> str:
        """Read a page of a look.

        Args:
            page: of the canary's events, newest first.
            asked: when the look began, with its first page, in seconds on our own clock.
            answered: when this page came.

        Returns:
            The start of the page to ask for next; "" when the look is over.
        """
        reached = math.inf
        for activity in page.items:
            found = self._waiting.pop(str(activity.data.get("canary")), None)
            if found is not None:
                self._saw(found[1], answered)
            sequence = activity.data.get("sequence")
            reached = min(reached, sequence if isinstance(sequence, int) else -1)
        if page.next and page.items and reached > min((sequence for sequence, _ in self._waiting.values()), default=math.inf):
            return page.next
        self._give_up(asked)
        self._looked_before = asked
        return ""

    def _saw(self, accepted: float, answered: float) -> None:
        self.applied += 1
        self.lags[round((answered - accepted) * _MICROSECONDS)] += 1
        self.resolution = max(self.resolution, answered - max(accepted, self._looked_before))

    def _give_up(self, asked: float) -> None:
        """Whoever a look did not show that began when their patience had run out. While nobody answers, nobody is given up."""
        gone = {mark: at for mark, (_, at) in self._waiting.items() if asked - at >= self._patience}
        for mark, at in gone.items():
            del self._waiting[mark]
            self.unseen += 1
            self.lags[round((asked - at) * _MICROSECONDS)] += 1


@dataclass(slots=True)
class _Look:
    """Where the reading of one type stands.

    Attributes:
        known: ids that were read.
        floor: ids of the page at which the first look ended: what is below is older than the run. None before that.
        start: of the page to ask for next, "" for the newest.
        wanted: looks that are to be completed yet.
    """

    known: dict[str, None] = field(default_factory=dict)
    floor: frozenset[str] | None = None
    start: str = ""
    wanted: int = 0


class Gleaning:
    """Counts what of a run was accepted and not applied. Of each type a look goes from the newest page down to what is known already.

    Args:
        prefix: begins the ids of the run's people, with a dash after it; nobody else's activities count.
        canary: the id of the canary's person, who is no part of the load.
    """

    def __init__(self, prefix: str, canary: str) -> None:
        self._begins, self._canary = f"{prefix}-", canary
        self._looks = {kind: _Look() for kind in NOT_APPLIED}
        self._turns = deque(NOT_APPLIED)
        self.counts = dict.fromkeys(NOT_APPLIED, 0)

    def next(self) -> tuple[str, str]:
        """The type to ask for next and the start of its page: each in turn, but first those that `again` waits for."""
        kind = next((kind for kind in self._turns if self._looks[kind].wanted), self._turns[0])
        self._turns.remove(kind)
        self._turns.append(kind)
        return kind, self._looks[kind].start

    def again(self) -> None:
        """From here on `is_whole` waits for a whole look at every type that begins after this moment."""
        for look in self._looks.values():
            look.wanted = 2 if look.start else 1  # what a look has begun with is older than this moment

    @property
    def is_whole(self) -> bool:
        """Whether the looks that `again` asked for are complete."""
        return not any(look.wanted for look in self._looks.values())

    def read(self, kind: str, page: Page[Activity]) -> None:
        """Read the page that was asked for."""
        look = self._looks[kind]
        new = {activity.id: activity.names for activity in page.items if activity.id not in look.known}
        self.counts[kind] += sum(self._counts(names) for names in new.values())
        look.known.update(dict.fromkeys(new))
        while len(look.known) > REMEMBERED:
            del look.known[next(iter(look.known))]
        if look.floor is None:
            is_over = not any(self._is_ours(activity.names) for activity in page.items)
        else:
            is_over = not new or not look.floor.isdisjoint(activity.id for activity in page.items)
        look.start = "" if is_over else page.next
        if not look.start:
            look.wanted = max(0, look.wanted - 1)
            if look.floor is None:
                look.floor = frozenset(activity.id for activity in page.items)

    def _is_ours(self, names: CustomerNames) -> bool:
        return any(name is not None and name.startswith(self._begins) for name in (names.id, names.email))

    def _counts(self, names: CustomerNames) -> bool:
        return self._is_ours(names) and names.id != self._canary
