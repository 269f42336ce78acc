"""One run being measured: from the first arrival to the run document. Knows neither pytest nor HTTP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from pytest_cio_load.contract.ramp import iterations
from pytest_cio_load.contract.threshold import parse
from pytest_cio_load.contract.verdict import breaks_now, judge, lag_tolerance
from pytest_cio_load.load.clock import VirtualClock, cpu_seconds, real_seconds
from pytest_cio_load.load.iteration import CURRENT
from pytest_cio_load.load.loops import running
from pytest_cio_load.load.run import End, Ending, Load
from pytest_cio_load.load.schedule import Arrival, planned, schedule
from pytest_cio_load.metrics.kinds import BUILTIN
from pytest_cio_load.metrics.measured import Delivery
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.timeline import Mark, Timeline
from pytest_cio_load.reports.document import Run
from pytest_cio_load.reports.machine import fingerprint
from pytest_cio_load.reports.marks import marks_of
from pytest_cio_load.reports.notes import notes, pause_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.contract.profile import Profile
    from pytest_cio_load.contract.threshold import Threshold
    from pytest_cio_load.customerio.client import CallRecord
    from pytest_cio_load.customerio.wire import Phase
    from pytest_cio_load.load.clock import Clock
    from pytest_cio_load.metrics.timeline import MarkKind
    from pytest_cio_load.staging.sightings import Sightings

MICROSECONDS = 1_000_000
CANCELLED = "cancelled"
"""The reason that the client gives for a call which was cancelled while it was under way."""

WAITS: dict[Phase, str] = {"pool": "pool_wait", "connect": "connecting", "tls": "tls_handshaking"}
"""The metrics of what a request waited for before it was sent."""

NOT_APPLIED = ("failed_attribute_change", "failed_event", "failed_batch_update")
"""What a real workspace accepted and could not apply: none of it, unless the author says otherwise."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    Attributes:
        test: the node id.
        location: "tests/test_x.py:12".
        home: the test's file, as its code objects name it.
        target: "mock", a URL, or "none".
        seed: of everything random.
        max_in_flight: the limit in force.
        pace: requests per second that our own limiter keeps to, or None when the test makes no call.
        calls_expected: whether the body itself holds our client.
        queued: whether the test holds a queue.
    """

    test: str
    location: str
    home: str
    target: str
    seed: int
    max_in_flight: int
    pace: float | None
    calls_expected: bool = False
    queued: bool = False


class Measurement:
    """Fills a recorder while a driver runs, ends the run when a clause asks for it, and judges it afterwards."""

    def __init__(self, contract: Contract, subject: Subject, clock: Clock) -> None:
        contract = with_delivery(contract) if subject.target in ("mock", "fake") else contract
        for name in ("lost", "dead_letters") if subject.queued else ():
            contract = promising(contract, name, "count", "count==0")
        for name in NOT_APPLIED if subject.target == "staging" else ():
            contract = promising(contract, name, "count", "count==0")
        self.contract, self.subject, self.clock = contract, subject, clock
        warmup = round(contract.warmup * MICROSECONDS)
        self.recorder = Recorder(
            contract.declared,
            warmup=warmup,
            lag_tolerance=round(lag_tolerance(contract) * 1000),
            home=subject.home,
            timeline=Timeline(lasts=round(contract.profile.duration * MICROSECONDS), warmup=warmup),
        )
        self._marks: list[Mark] = []
        self.planned = count_planned(contract, subject.seed)
        self._aborting = [clause for clause in contract.thresholds if clause.abort_on_fail]
        self._aborted_by: Threshold | None = None
        self._started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._real, self._cpu = real_seconds(), cpu_seconds()
        self._cost: tuple[float, float] | None = None
        self._loop = running()
        self._seen: tuple[str, ...] = ()

    def load(self, *, let_through: tuple[type[BaseException], ...], progress: Callable[[int], None] | None) -> Load:
        """What the driver is to make happen.

        Args:
            let_through: exceptions that are no failure of the iteration but end the run: a skip.
            progress: told the time, in microseconds, several times a second.
        """
        contract = self.contract

        def watch(now: int) -> str | None:
            if progress is not None:
                progress(now)
            return self._look(now)

        return Load(
            arrivals=arrivals_of(contract, self.subject.seed),
            duration=round(contract.profile.duration * MICROSECONDS),
            max_in_flight=self.subject.max_in_flight,
            drop=contract.on_saturation == "drop",
            graceful_stop=round(contract.graceful_stop * MICROSECONDS),
            timeout=None if contract.timeout is None else round(contract.timeout * MICROSECONDS),
            let_through=let_through,
            watch=watch if self._aborting or progress is not None else None,
        )

    def watches(self, phases: Iterable[Phase]) -> None:
        """`on_wait` will be told of these phases of every request that has one; of others nothing is known. To be said before the run."""
        self.recorder.watches(WAITS[phase] for phase in phases)

    def on_wait(self, phase: Phase, seconds: float) -> None:
        """Record what a request waited for before it was sent, if it was made by an iteration."""
        iteration = CURRENT.get()
        if iteration is not None:
            self.recorder.waited(WAITS[phase], iteration.arrival.due, round(seconds * MICROSECONDS))

    def on_call(self, record: CallRecord, watched: bool = False) -> None:
        """Record a Customer.io call, if it was made by an iteration: what fixtures and cleanup do is not load.

        Args:
            record: how it went.
            watched: whether `on_wait` is told of its requests.
        """
        iteration = CURRENT.get()
        if iteration is None:
            return
        times = (round((record.ended - record.began) * MICROSECONDS), round(record.paced * MICROSECONDS))
        self.recorder.call(
            record.operation,
            iteration=iteration.arrival.index,
            due=iteration.arrival.due,
            times=times,
            attempts=record.attempts,
            # A call that its own iteration cancelled, by a timeout say, did not fail: what cancelled it is told by itself.
            error=None if record.error is not None and record.error.reason == CANCELLED else record.error,
            throttled=record.throttled,
            ended=self.clock.now(),
            watched=record.attempts if watched else 0,
        )

    def mark(self, at: float, kind: MarkKind, text: str) -> None:
        """Note a moment that the timeline is to show, such as a fault's beginning. *at*: seconds after the start of the run."""
        self._marks.append(Mark(float(at), kind, text))

    def saw(self, sightings: Sightings) -> None:
        """Record what came of watching the workspace beside the run."""
        for name, value in sightings.measured().items():
            self.recorder.told(name, value)
        self._seen = sightings.notes()

    def _look(self, now: int) -> str | None:
        elapsed = now / MICROSECONDS
        for clause in self._aborting:
            if breaks_now(clause, self.recorder.read(clause.metric), elapsed):
                self._aborted_by = clause
                return f"{clause.metric} {clause.text} was broken {elapsed:.1f} s into the run"
        return None

    def conclude(self, ending: Ending, *, delivery: Mapping[str, int], cleanup: Mapping[str, int]) -> Run:
        """Judge the run.

        Args:
            ending: how the driver's run ended.
            delivery: what the fake counted, or nothing.
            cleanup: what became of the made-up people, or nothing.
        """
        real, cpu = self.stop()
        contract, subject = self.contract, self.subject
        if delivery:
            self.recorder.delivered(delivered(delivery))
        summary = self.recorder.summary(
            planned=self.planned, elapsed=ending.lasted / MICROSECONDS, end=ending.end.value, reason=ending.reason
        )
        waited = self.clock.waited_for_sockets if isinstance(self.clock, VirtualClock) else 0.0
        # In virtual time they cost nothing; of a run that no driver brought to its end nobody knows.
        pauses = None if isinstance(self.clock, VirtualClock) or ending.end is End.CUT else ending.pauses
        return Run(
            test=subject.test,
            location=subject.location,
            contract=contract,
            summary=summary,
            verdict=judge(
                contract, summary, clock=self.clock.name, calls_expected=subject.calls_expected, aborted_by=self._aborted_by
            ),
            clock=self.clock.name,
            target=subject.target,
            seed=subject.seed,
            max_in_flight=subject.max_in_flight,
            started_at=self._started_at,
            real_seconds=real,
            cpu_seconds=cpu,
            delivery=delivery,
            cleanup=cleanup,
            notes=(
                *notes(summary, max_in_flight=subject.max_in_flight, pace=subject.pace, waited_for_sockets=waited),
                *pause_notes(pauses, lasted=ending.lasted, late=round(lag_tolerance(contract) * 1000)),
                *self._seen,
            ),
            marks=marks_of(contract, ending, self._marks),
            fingerprint=fingerprint(),
            pauses=pauses,
            loop=self._loop,
        )

    def stop(self) -> tuple[float, float]:
        """Note what the run took of this machine, in real and in CPU seconds, before the cleaning up begins."""
        if self._cost is None:
            self._cost = (real_seconds() - self._real, cpu_seconds() - self._cpu)
        return self._cost

    def cut_short(self, reason: str) -> Ending:
        """The ending of a run that no driver brought to its end."""
        return Ending(End.CUT, reason, self.clock.now())


def with_delivery(contract: Contract) -> Contract:
    """*contract* with the promise that nothing is lost, unless it says something about that itself.

    Only the mock and the fake can be asked what they applied, so only there can the promise be held.
    """
    return promising(contract, "delivery", "lost", "lost==0")


def promising(contract: Contract, metric: str, aggregation: str, clause: str) -> Contract:
    """*contract* with one more promise, unless it says something about that itself."""
    if any(each.metric == metric and each.aggregation == aggregation for each in contract.thresholds):
        return contract
    return replace(contract, thresholds=(*contract.thresholds, parse(clause, metric, BUILTIN[metric], origin="default")))


def delivered(counts: Mapping[str, int]) -> Delivery:
    """The delivery metric of a fake's counts: 200 is no proof of delivery, so what was accepted and not applied is lost."""
    return Delivery(
        counts["received"],
        lost=counts["dropped"] + max(0, counts["sent"] - counts["requests"]),
        duplicates=counts["duplicates"],
        out_of_order=counts.get("out_of_order", 0),
    )


def arrivals_of(contract: Contract, seed: int) -> Iterator[Arrival]:
    """Every iteration of a run with its due moment: those of the warmup ramp, if there is one, then the promised ones.

    The promised ones are spaced to the microsecond as they would be without a ramp: it only moves them.
    """
    promised = schedule(contract.profile, arrivals=contract.arrivals, seed=seed)
    return promised if contract.profile.ramp is None else _after(contract.profile.ramp, contract.arrivals, seed, promised)


def _after(ramp: Profile, arrivals: str, seed: int, promised: Iterator[Arrival]) -> Iterator[Arrival]:
    lasts = round(ramp.duration * MICROSECONDS)
    # Chance of its own: the seed of the promised arrivals would make the ramp a stretched copy of their beginning.
    warm = schedule(ramp, arrivals=arrivals, seed=-1 - seed)
    index = -1
    for index, arrival in enumerate(islice(warm, iterations(ramp)) if arrivals == "even" else warm):
        # What is due when the ramp is over is measured, and by a microsecond's rounding would be.
        yield Arrival(index, min(arrival.due, lasts - 1))
    for arrival in promised:
        yield Arrival(index + 1 + arrival.index, lasts + arrival.due)


def count_planned(contract: Contract, seed: int) -> int:
    """How many iterations the schedule holds, warmup included: by exact arithmetic, or by making the seeded Poisson schedule."""
    if contract.arrivals == "even":
        return planned(contract.profile) + (0 if contract.profile.ramp is None else iterations(contract.profile.ramp))
    return sum(1 for _ in arrivals_of(contract, seed))
