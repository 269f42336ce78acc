"""What of a run is told to those who watch it from outside, while it goes on, and under which names.

OpenTelemetry and Prometheus are told the same: times in seconds, counts by outcome, and few series, for an attribute is never a person,
an index or a text that a body made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_cio_load.customerio.exchange import CallRecord
    from pytest_cio_load.errors import CustomerIOError
    from pytest_cio_load.load.run import Sample
    from pytest_cio_load.load.schedule import Arrival
    from pytest_cio_load.reports.document import Document

MICROSECONDS = 1_000_000

TIMES = (
    *(0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0),
)
"""Upper bounds, in seconds, between which iterations and calls are counted: close where promises are made."""

LAGS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0)
"""Upper bounds, in seconds, of the load generator's own lateness."""

OF_RUN = ("test", "target", "clock")
"""Attributes of everything: the node id, what the calls reach, wall or virtual."""


class Kind(Enum):
    """What becomes of the values that an instrument is given."""

    HISTOGRAM = "histogram"
    COUNTER = "counter"
    UP_DOWN = "up and down"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One thing that is told. For OpenTelemetry it is ``cio_load.NAME``; for Prometheus ``cio_load_NAME``, with unit and ``_total``.

    Attributes:
        name: a word of the run document.
        kind: what becomes of its values.
        unit: "s" or, of what is counted, "{iteration}".
        meaning: one phrase.
        more: its attributes beyond those of the run.
        bounds: upper bounds of a histogram's buckets.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    more: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all its attributes, in order."""
        return (*OF_RUN, *self.more)


INSTRUMENTS = (
    Instrument("response", Kind.HISTOGRAM, "s", "From due to ended: what a user feels", ("phase",), TIMES),
    Instrument("service", Kind.HISTOGRAM, "s", "From began to ended", ("phase",), TIMES),
    Instrument("lag", Kind.HISTOGRAM, "s", "How late the load generator itself was", ("phase",), LAGS),
    Instrument("iterations", Kind.COUNTER, "{iteration}", "Iterations that ended or were dropped, by outcome", ("phase", "outcome")),
    Instrument("planned", Kind.COUNTER, "{iteration}", "Iterations that the schedules hold, warmup included"),
    Instrument("in_flight", Kind.UP_DOWN, "{iteration}", "Iterations running now"),
    Instrument("call", Kind.HISTOGRAM, "s", "Latency of calls, waits and repeats included", ("phase", "operation"), TIMES),
    Instrument("calls", Kind.COUNTER, "{call}", "Calls that ended, by outcome", ("phase", "operation", "outcome")),
    Instrument("attempts", Kind.COUNTER, "{attempt}", "Requests on the wire", ("phase", "operation")),
    Instrument("rate_limited", Kind.COUNTER, "{attempt}", "Requests that were answered 429", ("phase", "operation")),
    Instrument("paced", Kind.COUNTER, "s", "Time that calls waited for our own rate limiter", ("phase", "operation")),
    Instrument("runs", Kind.COUNTER, "{run}", "Runs that were judged, by verdict", ("verdict",)),
)
"""Everything that is told. ``phase`` is warmup or measured: only the latter is in the run's verdict."""

Put = Callable[[float, Mapping[str, str]], None]
"""Gives an instrument a value, with its attributes in the order of ``OF_RUN`` and then ``more``."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run before it begins.

    Attributes:
        test: the node id.
        target: "mock", "fake", "staging", a URL, or "none".
        clock: "wall" or "virtual".
        planned: how many iterations the schedule holds, warmup included.
        warmup: microseconds; what is due earlier counts for nothing in the verdict.
        now: microseconds since the start of the run, on its clock.
    """

    test: str
    target: str
    clock: str
    planned: int
    warmup: int
    now: Callable[[], int]


def outcome_of(error: CustomerIOError | None) -> str:
    """A call's outcome: ok, cancelled (with the iteration it belongs to), or the name of one of the errors in ``errors.py``."""
    if error is None:
        return "ok"
    return "cancelled" if error.reason == "cancelled" else type(error).__name__


class Tally:
    """The sums of what one instrument was given, by its attributes."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._sums: dict[tuple[str, ...], float] = {}

    def put(self, value: float, labels: Mapping[str, str]) -> None:
        """Add a value. *labels*: the instrument's attributes, in its own order."""
        key = tuple(labels.values())
        with self.lock:
            self._sums[key] = self._sums.get(key, 0) + value

    def sums(self) -> dict[tuple[str, ...], float]:
        """Everything so far: the values of the attributes, in their order, and the sum."""
        with self.lock:
            return dict(self._sums)


class Observation:
    """Gives a run's instruments their values.

    Args:
        facts: the run.
        put: takes the values, by the instrument's name.
    """

    def __init__(self, facts: Facts, put: Mapping[str, Put]) -> None:
        self._warmup = facts.warmup
        self._of_run = {name: getattr(facts, name) for name in OF_RUN}
        self._known: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._running: set[int] = set()
        self._ended = False
        self._response, self._service, self._lag = put["response"], put["service"], put["lag"]
        self._iterations, self._in_flight, self._runs = put["iterations"], put["in_flight"], put["runs"]
        self._call, self._calls, self._attempts = put["call"], put["calls"], put["attempts"]
        self._rate_limited, self._paced = put["rate_limited"], put["paced"]
        put["planned"](facts.planned, self._of_run)

    def began(self, arrival: Arrival) -> None:
        """Count it in."""
        if not self._ended:  # a thread may get to it after the run is over
            self._running.add(arrival.index)
            self._in_flight(1, self._of_run)

    def iteration(self, sample: Sample) -> None:
        """Count it, and out if it was counted in."""
        arrival = sample.arrival
        if arrival.index in self._running:
            self._running.discard(arrival.index)
            self._in_flight(-1, self._of_run)
        phase = self._phase(arrival.due)
        times = self._with("phase", phase)
        self._response(sample.response / MICROSECONDS, times)
        self._service(sample.service / MICROSECONDS, times)
        self._lag(sample.lag / MICROSECONDS, times)
        self._iterations(1, self._with("phase", phase, "outcome", sample.outcome.value))

    def dropped(self, arrival: Arrival) -> None:
        """Count it: it has no times."""
        self._iterations(1, self._with("phase", self._phase(arrival.due), "outcome", "dropped"))

    def call(self, record: CallRecord, due: int) -> None:
        """Count it by its operation."""
        phase, operation = self._phase(due), record.operation
        labels = self._with("phase", phase, "operation", operation)
        self._call(record.ended - record.began, labels)
        self._calls(1, self._with("phase", phase, "operation", operation, "outcome", outcome_of(record.error)))
        self._attempts(record.attempts, labels)
        if record.throttled:
            self._rate_limited(record.throttled, labels)
        if record.paced:
            self._paced(record.paced, labels)

    def end(self, document: Document | None) -> None:
        """Count the verdict; nothing is in flight any more."""
        self._ended = True
        while self._running:
            self._running.pop()
            self._in_flight(-1, self._of_run)
        if document is not None:
            self._runs(1, self._with("verdict", str(document["verdict"])))

    def _phase(self, due: int) -> str:
        return "warmup" if due < self._warmup else "measured"

    def _with(self, *more: str) -> Mapping[str, str]:
        """The run's attributes and these, given as name, value, name, value; the same ones are made once."""
        known = self._known.get(more)
        if known is None:
            known = self._known[more] = {**self._of_run, **dict(zip(more[::2], more[1::2], strict=True))}
        return known
