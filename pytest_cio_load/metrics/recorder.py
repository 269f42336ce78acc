"""Takes every sample, call, check and custom value of a run, as it happens, from any thread.

What ends is only appended to a list, which needs no lock, and is counted later, many at a time: when the list has grown, when somebody
reads, and at the end. A failure alone is looked at when it comes, since an exception keeps alive whatever its frames hold.
"""

from __future__ import annotations

from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Protocol, cast

from pytest_cio_load.metrics.batches import CallRow, Calls, IterationRow, Iterations, WaitRow
from pytest_cio_load.metrics.failures import Failures, causes_of
from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric
from pytest_cio_load.metrics.measured import Counter, Gauge, Rate, Trend
from pytest_cio_load.metrics.summary import Summary, Warmup
from pytest_cio_load.metrics.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cio_load.metrics.measured import Delivery, Measured
    from pytest_cio_load.metrics.timeline import Timeline

_BATCH = 32
"""So many iterations are counted at once: an eighth of a millisecond, in which nothing begins. More at once would be cheaper, and felt."""

_LEFT = 16  # times as many calls may be left to be counted


class _Arrival(Protocol):
    @property
    def index(self) -> int: ...
    @property
    def due(self) -> int: ...


class _Outcome(Protocol):
    @property
    def _value_(self) -> str: ...


class _Sample(Protocol):
    @property
    def arrival(self) -> _Arrival: ...
    @property
    def began(self) -> int: ...
    @property
    def ended(self) -> int: ...
    @property
    def queued(self) -> int: ...
    @property
    def outcome(self) -> _Outcome: ...
    @property
    def error(self) -> BaseException | None: ...


class Recorder:
    """One run's metrics.

    Args:
        declared: the author's own metrics, known before the run.
        warmup: microseconds; iterations due earlier run, but count for nothing except the warmup tally and the timeline.
        lag_tolerance: microseconds; an iteration that the generator began later than this was not on time.
        home: the test's file, for grouping failures by line.
        timeline: what the run over time is kept in; without one it is not.
    """

    def __init__(
        self, declared: Mapping[str, Metric], *, warmup: int, lag_tolerance: int, home: str, timeline: Timeline | None = None
    ) -> None:
        self._lock = Lock()  # of what is counted
        self._failing = RLock()  # of failures, which are told while others count
        self._declared = dict(declared)
        self._warmup_ends = warmup
        self._totals = Totals(warmup=warmup, lag_tolerance=lag_tolerance)
        self._timeline = timeline
        self._ended: list[IterationRow] = []
        self._called: list[CallRow] = []
        self._waits: list[WaitRow] = []
        self._dropped: list[int] = []
        self._failures, self._warmup_failures = Failures(home), Failures(home)
        self._call_errors: dict[int, list[BaseException]] = {}

    def measures(self, due: int) -> bool:
        """Whether an iteration due at *due* counts for the verdict."""
        return due >= self._warmup_ends

    # What the drivers tell (load.run.Sink).

    def finished(self, sample: _Sample) -> None:
        """An iteration ended."""
        outcome = sample.outcome._value_  # an Enum's value takes five times as long
        failures = 0 if outcome == "ok" and not self._call_errors else self._note_failures(sample, outcome)
        ended = self._ended
        ended.append((sample.arrival.due, sample.began, sample.ended, sample.queued, outcome, failures))
        if len(ended) >= _BATCH:
            self._fold_if_free()

    def dropped(self, arrival: _Arrival) -> None:
        """An iteration fell due with no slot free."""
        self._dropped.append(arrival.due)
        if len(self._dropped) >= _BATCH:
            self._fold_if_free()

    def _note_failures(self, sample: _Sample, outcome: str) -> int:
        """Group what failed in an iteration; gives how many there were."""
        index, due, ended = sample.arrival.index, sample.arrival.due, sample.ended
        with self._failing:
            errors = self._call_errors.pop(index, [])
            failures = self._failures if self.measures(due) else self._warmup_failures
            for error in errors:
                failures.add(error, index, due, ended)
            own = sample.error
            if outcome == "timed_out":
                after = f"unfinished after {(ended - sample.began) / 1000:,.0f} ms, the timeout of an iteration"
                failures.add_plain("TimeoutError", after, index, due, ended)
            elif outcome == "interrupted":
                failures.add_plain("Interrupted", "unfinished when graceful_stop ran out", index, due, ended)
            elif outcome == "failed" and own is not None and not _told_already(own, errors):
                failures.add(own, index, due, ended)
            else:
                return len(errors)
            return len(errors) + 1

    # What the client tells.

    def call(
        self,
        operation: str,
        *,
        iteration: int,
        due: int,
        times: tuple[int, int],
        attempts: int,
        error: BaseException | None,
        throttled: int = 0,
        ended: int | None = None,
        watched: int = 0,
    ) -> None:
        """A Customer.io call ended.

        Args:
            operation: its name.
            iteration, due: whose it was, and when that was due, in microseconds.
            times: its latency and its wait for our own limiter, in microseconds.
            attempts: requests on the wire.
            error: what it failed with, or None.
            throttled: how many of the attempts were answered 429.
            ended: when, in microseconds after the start of the run; by default its latency after its iteration was due.
            watched: how many of the attempts would have been told of by `waited`, had they waited.
        """
        if error is not None:
            with self._failing:
                self._call_errors.setdefault(iteration, []).append(error)
        called = self._called
        called.append((operation, due, due + times[0] if ended is None else ended, *times, attempts, throttled, watched))
        # An iteration that counts while it goes on is longer by that: it is done once it has ended.
        if len(called) >= _BATCH * _LEFT:
            self._fold_if_free()

    def watches(self, names: Iterable[str]) -> None:
        """The engine tells of these of `CONNECTION_WAITS`; what others are told of is not counted. To be said before the run."""
        self._totals.told = frozenset(names)

    def waited(self, name: str, due: int, took: int) -> None:
        """An attempt waited *took* microseconds, for one of `CONNECTION_WAITS`; told before its call. *due*: when its iteration was."""
        # At least one: what is too short for the clock was a wait all the same.
        self._waits.append((name, due, max(1, took)))

    def delivered(self, delivery: Delivery) -> None:
        """What the fake says became of everything that was sent."""
        with self._lock:
            self._totals.metrics["delivery"] = delivery

    def told(self, name: str, value: object) -> None:
        """What is known of a metric once the run is over, of a queue's jobs or by a canary.

        A number for a counter, values in order for a gauge, microseconds → times for a trend. Where a gauge's values are pairs, the first
        is when it had it, in seconds after the start of the run; so a queue's depth gets onto the timeline.
        """
        with self._lock:
            metric = self._totals.live(name, BUILTIN[name])
            if isinstance(metric, Trend) and isinstance(value, dict):
                for microseconds, times in value.items():
                    metric.record_several(microseconds, times)
            elif isinstance(metric, Gauge) and isinstance(value, list):
                for each in value:
                    metric.set(each[1] if isinstance(each, tuple) else each)
                    if isinstance(each, tuple) and name == "queue_depth" and self._timeline is not None:
                        self._timeline.depth(round(each[0] * 1_000_000), each[1])
            elif isinstance(metric, Counter) and isinstance(value, int):
                metric.add(value)

    # What the body tells.

    def add(self, name: str, kind: Kind, value: float, unit: str = "") -> None:
        """Add *value* to the author's own metric *name*.

        Raises:
            ValueError: the name belongs to another kind or to a metric of every run, or the value is none for this kind.
        """
        with self._lock:
            metric = self._totals.live(name, Metric(kind, unit))
            if isinstance(metric, Rate):
                metric.add(bool(value))
            else:
                metric.add(value)

    def declare(self, name: str, kind: Kind, unit: str = "") -> None:
        """Check that *name* can be the author's metric of *kind*. Raises ValueError when it cannot."""
        if name in BUILTIN:
            msg = f"metric {name!r} is one that every run has: expected a name of your own, such as 'my_{name}'"
            raise ValueError(msg)
        known = self._declared.setdefault(name, Metric(kind, unit))
        if known.kind is not kind:
            msg = f"metric {name!r} is a {known.kind.value}, used here as a {kind.value}: expected one kind for one name"
            raise ValueError(msg)
        self._totals.kinds.setdefault(name, known)

    # Counting what was told.

    def fold(self) -> None:
        """Count everything that was told so far. Whoever has time to spare during a run may ask for it."""
        with self._lock:
            self._fold()

    def _fold_if_free(self) -> None:
        # Whoever tells never waits: somebody else is counting then. It may even be this very thread, for a call that is given up by the
        # garbage collector ends, and is told, in the midst of anything.
        if self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def _fold(self) -> None:
        # Iterations first: whatever an iteration that is counted here has called was appended before it, and is counted with it.
        counting = (self._totals,) if self._timeline is None else (self._totals, self._timeline)
        if rows := _taken(self._ended):
            iterations = Iterations.of(rows)
            for each in counting:
                each.ended(iterations)
        called = _taken(self._called)
        # After the calls were taken, and counted before them: whatever a call that is counted here has waited for is counted with it.
        if waits := _taken(self._waits):
            self._totals.awaited(waits)
        if called:
            calls = Calls(called)
            for each in counting:
                each.called(calls)
        if dues := _taken(self._dropped):
            for each in counting:
                each.dropped(dues)

    # Readings.

    @property
    def seen(self) -> int:
        """Iterations that ended or were dropped so far."""
        self.fold()
        return self._totals.seen

    def read(self, name: str) -> Measured | None:
        """The metric as it stands at this moment, or None while it has no sample. What comes later does not change it."""
        with self._lock:
            self._fold()
            return self._totals.still(name)

    def summary(self, *, planned: int, elapsed: float, end: str, reason: str) -> Summary:
        """Everything measured, for the verdict and the reports. *elapsed*: seconds of the run, warmup included."""
        with self._lock, self._failing:
            self._fold()
            totals = self._totals
            return Summary(
                metrics={name: cast("Measured", totals.still(name)) for name in sorted(totals.metrics)},
                kinds=dict(totals.kinds),
                planned=planned,
                seen=totals.seen,
                waited=totals.waited,
                elapsed=elapsed,
                measured=max(elapsed - self._warmup_ends / 1_000_000, 0.0),
                end=end,
                reason=reason,
                failures=self._failures.groups(),
                warmup=Warmup(totals.warmup_seen, self._warmup_failures.groups()),
                timeline=None if self._timeline is None else self._timeline.plain(round(elapsed * 1_000_000)),
            )


def _taken(rows: list[Any]) -> list[Any]:
    """Everything in *rows*, which other threads may go on appending to: what is appended meanwhile stays."""
    taken = rows[:]
    del rows[: len(taken)]
    return taken


def _told_already(error: BaseException, known: Sequence[BaseException]) -> bool:
    """Whether *error* is one of those *known*, wraps one, or was raised while one was handled."""
    return bool(known) and any(each is one for each in causes_of(error) for one in known)
