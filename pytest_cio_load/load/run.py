"""What crosses between the drivers and the rest: the load to make, each iteration's sample, and how a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from pytest_cio_load.load.pauses import NO_PAUSES, Pauses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_cio_load.load.schedule import Arrival


class Outcome(Enum):
    """How one iteration ended."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"  # by us: graceful_stop ran out
    CUT = "cut"  # by what ended the run: an abort, or Ctrl-C; no fault of the iteration


@dataclass(slots=True, unsafe_hash=True)  # one of each iteration, and a frozen one takes four times as long to make
class Sample:
    """One iteration, measured; never changed. Times are microseconds since the start of the run.

    Attributes:
        arrival: which iteration, and when it was due.
        began, ended: when it really began and ended; of an iteration that never began, both are when waiting for it ended.
        queued: how long it waited for one of ``max_in_flight`` slots: the target's slowness, not the generator's.
        outcome: how it ended.
        error: what it raised, if it failed.
    """

    arrival: Arrival
    began: int
    ended: int
    queued: int
    outcome: Outcome
    error: BaseException | None = None

    @property
    def response(self) -> int:
        """``ended - due``: what a user feels."""
        return self.ended - self.arrival.due

    @property
    def service(self) -> int:
        """``ended - began``."""
        return self.ended - self.began

    @property
    def lag(self) -> int:
        """``began - due`` less the wait for a slot: how late the load generator itself was."""
        return max(0, self.began - self.arrival.due - self.queued)


class Sink(Protocol):
    """Takes what a driver measures, as it happens. Called from worker threads too when the body is sync."""

    def finished(self, sample: Sample) -> None:
        """An iteration ended, failed, timed out or was interrupted."""

    def dropped(self, arrival: Arrival) -> None:
        """An iteration fell due with no slot free, and was not begun."""


class End(Enum):
    """Why a run ended."""

    COMPLETE = "complete"
    ABORTED = "aborted"
    CUT = "cut short"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        end: complete, aborted by a threshold, or cut short from outside.
        reason: one phrase for the report, "" when complete.
        lasted: microseconds in which iterations began: to the end of the profile, or to the last beginning if that is later; of a run
            that was ended early, to its end. Rates are over this time.
        pauses: what garbage collections took of it, in real time.
    """

    end: End
    reason: str
    lasted: int
    pauses: Pauses = field(default=NO_PAUSES, compare=False)


@dataclass(frozen=True, slots=True)
class Load:
    """What a driver is to make happen. Times are microseconds.

    Attributes:
        arrivals: the schedule, in due order.
        duration: length of the profile; arrivals fall due within it.
        max_in_flight: how many iterations may run at once.
        drop: whether an arrival that finds no slot is dropped; otherwise it queues and keeps its due moment.
        graceful_stop: how long running iterations may go on after the last one fell due.
        timeout: longest service time of an iteration, or None.
        let_through: exceptions that end the run and are passed on as they are: a skip, an exit.
        watch: asked every ``watch_every``; a text it returns aborts the run and is the reason.
    """

    arrivals: Iterable[Arrival]
    duration: int
    max_in_flight: int
    drop: bool
    graceful_stop: int
    timeout: int | None
    let_through: tuple[type[BaseException], ...] = ()
    watch: Callable[[int], str | None] | None = None
    watch_every: int = 100_000
